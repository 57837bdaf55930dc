// One connection: bytes in and out, plain or TLS, with time limits, and knowledge of whether the
// client is still there. Lives on the server's thread; only `executor` may be used from others.
//
// There is at most one read under way. It outlives the question that started it, so that a client
// that leaves is noticed while its request is being worked on, and what it sends meanwhile is the
// beginning of its next request.
#pragma once

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace zoetrope::http {

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Clock = std::chrono::steady_clock;
  using Socket = boost::asio::ip::tcp::socket;

  Connection(Socket socket, boost::asio::ssl::context* tls);

  bool is_tls() const { return tls_.has_value(); }
  boost::asio::any_io_executor executor() { return wake_.get_executor(); }

  // False: the client did not manage.
  boost::asio::awaitable<bool> handshake(std::chrono::milliseconds patience);

  // Whether the next request is waited for, and nothing of it is there.
  void set_between_requests(bool between) { between_requests_ = between; }

  // What was received and not yet consumed. Stays valid until more() is called.
  std::string_view received() const { return std::string_view(buffer_).substr(consumed_); }
  void consume(size_t bytes);
  // Waits for more to be received. False: closed, or limit_time() is over.
  boost::asio::awaitable<bool> more();
  // False: closed, or a piece of 64 KiB took longer than `patience`.
  boost::asio::awaitable<bool> write(std::string text, std::chrono::milliseconds patience);

  // From now on everything here must be done in this time; nothing lifts the limit.
  void limit_time(std::optional<std::chrono::milliseconds> patience);
  bool timed_out() const { return timed_out_; }

  // Keeps reading, so that gone() turns true soon after the client left.
  void watch();
  bool gone() const { return gone_; }
  // Until notify() is called, or the client left, or `until`.
  boost::asio::awaitable<void> wait(Clock::time_point until);
  void notify() { wake_.cancel(); }

  // Tells the client that nothing more comes, and reads what it still sends, for a moment: closing
  // at once would take the answer from under its eyes.
  boost::asio::awaitable<void> linger();
  void close();
  // Closes it if it waits for a request that has not begun; an event stream is woken.
  void stop_if_idle();

 private:
  void start_read();
  void finish_read(boost::system::error_code error, size_t bytes);
  Socket& socket() { return tls_ ? tls_->next_layer() : *plain_; }

  std::optional<Socket> plain_;
  std::optional<boost::asio::ssl::stream<Socket>> tls_;
  boost::asio::steady_timer wake_;
  boost::asio::steady_timer limit_;
  Clock::time_point limit_at_ = Clock::time_point::max();
  std::array<char, 8192> incoming_;
  std::string buffer_;
  size_t consumed_ = 0;
  bool reading_ = false;
  bool watching_ = false;
  bool between_requests_ = false;
  bool gone_ = false;
  bool timed_out_ = false;
};

}  // namespace zoetrope::http

// What a load test needs of HTTP: one request, when its headers came, and whether its body was
// whole. Connections are kept and used again. One io_context, one thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace zoetrope::traffic::load {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Answer {
  int status = 0;  // 0: no connection, or it broke before the headers
  bool whole = false;
  std::chrono::steady_clock::time_point admitted;  // when the headers came, if status != 0
  std::chrono::steady_clock::time_point ended;
  int attempts = 1;  // by the gateway: x-zoetrope-attempts
  std::string region;
  std::optional<std::chrono::seconds> retry_after;
};

class HttpClient {
 public:
  HttpClient(boost::asio::io_context& io, std::string host, uint16_t port, std::string path)
      : io_(io), host_(std::move(host)), port_(port), path_(std::move(path)) {}

  // Gives up at `until`.
  boost::asio::awaitable<Answer> ask(Headers headers, std::chrono::steady_clock::time_point until);

 private:
  using Stream = std::unique_ptr<boost::beast::tcp_stream>;

  boost::asio::awaitable<Stream> connect(std::chrono::steady_clock::time_point until);
  boost::asio::awaitable<Answer> ask_over(boost::beast::tcp_stream& stream, const Headers& headers,
                                          bool* reusable);

  boost::asio::io_context& io_;
  const std::string host_;
  const uint16_t port_;
  const std::string path_;
  std::optional<boost::asio::ip::tcp::endpoint> endpoint_;
  std::vector<Stream> idle_;
};

}  // namespace zoetrope::traffic::load

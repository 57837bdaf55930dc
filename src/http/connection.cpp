#include "http/connection.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

namespace zoetrope::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr size_t kMaxAhead = 64 << 10;  // what a client may send while it waits for an answer
constexpr size_t kPiece = 64 << 10;
constexpr auto kLinger = std::chrono::seconds(2);

}  // namespace

Connection::Connection(Socket socket, asio::ssl::context* tls)
    : wake_(socket.get_executor()), limit_(socket.get_executor()) {
  if (tls != nullptr) {
    tls_.emplace(std::move(socket), *tls);
  } else {
    plain_.emplace(std::move(socket));
  }
}

asio::awaitable<bool> Connection::handshake(std::chrono::milliseconds patience) {
  if (!tls_) co_return true;
  limit_time(patience);
  const auto [error] = co_await tls_->async_handshake(asio::ssl::stream_base::server, kAwait);
  limit_time(std::nullopt);
  co_return !error;
}

void Connection::consume(size_t bytes) {
  consumed_ += bytes;
  if (consumed_ < buffer_.size()) return;
  buffer_.clear();
  consumed_ = 0;
}

void Connection::start_read() {
  if (reading_ || gone_) return;
  reading_ = true;
  auto done = [self = shared_from_this()](error_code error, size_t bytes) {
    self->finish_read(error, bytes);
  };
  if (tls_) {
    tls_->async_read_some(asio::buffer(incoming_), std::move(done));
  } else {
    plain_->async_read_some(asio::buffer(incoming_), std::move(done));
  }
}

void Connection::finish_read(error_code error, size_t bytes) {
  reading_ = false;
  if (error) {
    gone_ = true;
  } else {
    buffer_.erase(0, consumed_);
    consumed_ = 0;
    buffer_.append(incoming_.data(), bytes);
    if (watching_ && buffer_.size() < kMaxAhead) start_read();
  }
  notify();
}

asio::awaitable<bool> Connection::more() {
  watching_ = false;
  const size_t before = received().size();
  start_read();
  while (received().size() == before && !gone_) co_await wait(Clock::time_point::max());
  co_return received().size() > before;
}

asio::awaitable<bool> Connection::write(std::string text, std::chrono::milliseconds patience) {
  for (size_t at = 0; at < text.size(); at += kPiece) {
    const auto piece = asio::buffer(text.data() + at, std::min(kPiece, text.size() - at));
    limit_time(patience);
    error_code error;
    if (tls_) {
      std::tie(error, std::ignore) = co_await asio::async_write(*tls_, piece, kAwait);
    } else {
      std::tie(error, std::ignore) = co_await asio::async_write(*plain_, piece, kAwait);
    }
    limit_time(std::nullopt);
    if (error) {
      gone_ = true;
      co_return false;
    }
  }
  co_return true;
}

void Connection::limit_time(std::optional<std::chrono::milliseconds> patience) {
  limit_at_ = patience ? Clock::now() + *patience : Clock::time_point::max();
  if (!patience) {
    limit_.cancel();
    return;
  }
  limit_.expires_at(limit_at_);
  limit_.async_wait([weak = weak_from_this()](error_code error) {
    const auto self = weak.lock();
    // A wait that was over just before a later limit was set must not count.
    if (error || !self || Clock::now() < self->limit_at_) return;
    self->timed_out_ = true;
    error_code ignored;
    self->socket().cancel(ignored);
  });
}

void Connection::watch() {
  watching_ = true;
  start_read();
}

asio::awaitable<void> Connection::wait(Clock::time_point until) {
  wake_.expires_at(until);
  co_await wake_.async_wait(kAwait);
}

asio::awaitable<void> Connection::linger() {
  error_code ignored;
  limit_time(kLinger);
  if (!tls_) {
    socket().shutdown(Socket::shutdown_send, ignored);
  } else if (!reading_) {
    co_await tls_->async_shutdown(kAwait);
    co_return;
  }
  while (!gone_ && co_await more()) consume(received().size());
}

void Connection::stop_if_idle() {
  if (between_requests_ && received().empty()) {
    close();
  } else {
    notify();
  }
}

void Connection::close() {
  error_code ignored;
  gone_ = true;
  socket().close(ignored);
  limit_.cancel();
  notify();
}

}  // namespace zoetrope::http

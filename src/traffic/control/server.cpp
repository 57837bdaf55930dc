#include "traffic/control/server.h"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <optional>
#include <thread>
#include <utility>

#include "base/log.h"

namespace zoetrope::traffic::control {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using base::Result;
using boost::system::error_code;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr uint64_t kMostBody = uint64_t{4} << 20;
constexpr uint32_t kMostHeader = 32 << 10;
constexpr int kMostConnections = 4096;
// For a whole request to come or an answer to go, and until the next request.
constexpr auto kPatience = std::chrono::seconds(30);

Result<tcp::endpoint> resolve(asio::io_context& io, const Address& address) {
  tcp::resolver resolver(io);
  error_code error;
  const auto found =
      resolver.resolve(address.host, std::to_string(address.port), tcp::resolver::passive, error);
  if (error || found.empty()) {
    return base::invalid_argument(
        fmt::format("listen: '{}' is not known: {}", address.host, error.message()));
  }
  return found.begin()->endpoint();
}

Result<tcp::acceptor> listen(asio::io_context& io, const tcp::endpoint& endpoint) {
  tcp::acceptor acceptor(io);
  error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(1024, error);
  if (error) {
    return base::unavailable(
        fmt::format("listen: port {} cannot be used: {}", endpoint.port(), error.message()));
  }
  return acceptor;
}

std::string text(beast::string_view view) { return {view.data(), view.size()}; }

http::response<http::string_body> reply(const Response& response, bool head, bool keep_alive) {
  http::response<http::string_body> out(static_cast<http::status>(response.status), 11);
  out.keep_alive(keep_alive);
  out.set(http::field::server, "zoetrope-traffic");
  out.set("X-Content-Type-Options", "nosniff");
  out.set(http::field::cache_control, "no-cache");
  if (!response.etag.empty()) out.set(http::field::etag, response.etag);
  if (!response.security_policy.empty()) {
    out.set("Content-Security-Policy",
            text({response.security_policy.data(), response.security_policy.size()}));
  }
  if (response.status == 304) return out;  // no body, and no length of one
  out.set(http::field::content_type,
          text({response.media_type.data(), response.media_type.size()}));
  if (!head) out.body() = response.body;
  out.prepare_payload();
  if (head) out.content_length(response.body.size());
  return out;
}

}  // namespace

// All but the constructor and the destructor happens on the thread of `io_`.
class Server::Impl {
 public:
  Impl(std::unique_ptr<asio::io_context> io, tcp::acceptor acceptor, Handler handler)
      : handler_(std::move(handler)),
        io_(std::move(io)),
        acceptor_(std::move(acceptor)),
        local_(acceptor_.local_endpoint()) {
    asio::co_spawn(*io_, accept_all(), asio::detached);
    thread_ = std::thread([this] { io_->run(); });
  }
  ~Impl() {
    io_->stop();
    thread_.join();
  }

  Address address() const { return {local_.address().to_string(), local_.port()}; }

 private:
  asio::awaitable<void> accept_all();
  asio::awaitable<void> serve(tcp::socket socket);
  Response handled(const Request& request) const;

  // Before the context: coroutines that still wait are destroyed with it and use these.
  const Handler handler_;
  int connections_ = 0;
  std::unique_ptr<asio::io_context> io_;
  tcp::acceptor acceptor_;
  const tcp::endpoint local_;
  std::thread thread_;
};

asio::awaitable<void> Server::Impl::accept_all() {
  while (true) {
    auto [error, socket] = co_await acceptor_.async_accept(kAwait);
    if (error) {  // out of descriptors, most likely: others have to leave first
      asio::steady_timer pause(*io_, std::chrono::milliseconds(50));
      co_await pause.async_wait(kAwait);
      continue;
    }
    if (connections_ >= kMostConnections) continue;  // closes it
    asio::co_spawn(*io_, serve(std::move(socket)), asio::detached);
  }
}

Response Server::Impl::handled(const Request& request) const {
  try {
    return handler_(request);
  } catch (const std::exception& error) {
    base::log(base::LogLevel::kError, "request failed",
              {{"target", request.target}, {"reason", error.what()}});
    return {.status = 500, .body = R"({"error":"this should not happen"})"};
  }
}

asio::awaitable<void> Server::Impl::serve(tcp::socket socket) {
  struct Counted {
    int& count;
    explicit Counted(int& all) : count(all) { ++count; }
    ~Counted() { --count; }
  } const counted(connections_);
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  beast::tcp_stream stream(std::move(socket));
  beast::flat_buffer buffer;
  for (bool keep_alive = true; keep_alive;) {
    stream.expires_after(kPatience);
    http::request_parser<http::string_body> parser;
    parser.body_limit(kMostBody);
    parser.header_limit(kMostHeader);
    auto [unread, read] = co_await http::async_read(stream, buffer, parser, kAwait);
    Response response;
    bool head = false;
    if (unread == http::error::body_limit) {
      response = {.status = 413, .body = R"({"error":"the request is too large"})"};
      keep_alive = false;
    } else if (unread) {
      break;
    } else {
      const auto& message = parser.get();
      head = message.method() == http::verb::head;
      keep_alive = message.keep_alive();
      response = handled({.method = head ? "GET" : text(message.method_string()),
                          .target = text(message.target()),
                          .body = message.body(),
                          .content_type = text(message[http::field::content_type]),
                          .if_none_match = text(message[http::field::if_none_match])});
    }
    stream.expires_after(kPatience);
    const auto out = reply(response, head, keep_alive);
    auto [unsent, written] = co_await http::async_write(stream, out, kAwait);
    if (unsent) break;
  }
  stream.socket().shutdown(tcp::socket::shutdown_both, ignored);
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::start(const Address& address, Handler handler) {
  auto io = std::make_unique<asio::io_context>(1);
  ZT_ASSIGN_OR_RETURN(const tcp::endpoint endpoint, resolve(*io, address));
  ZT_ASSIGN_OR_RETURN(tcp::acceptor acceptor, listen(*io, endpoint));
  return std::unique_ptr<Server>(
      new Server(std::make_unique<Impl>(std::move(io), std::move(acceptor), std::move(handler))));
}

Address Server::address() const { return impl_->address(); }

}  // namespace zoetrope::traffic::control

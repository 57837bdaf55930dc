#include "traffic/control/http_client.h"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <optional>

#include "base/in_quotes.h"

namespace zoetrope::traffic::control {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using base::Result;
using base::Status;
using boost::system::error_code;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr size_t kAtOnce = 256;  // connections
constexpr uint64_t kMostBytes = uint64_t{256} << 20;

Status failure(const Address& to, error_code error) {
  if (error == beast::error::timeout) {
    return {base::StatusCode::kDeadlineExceeded,
            fmt::format("{}: no answer in time", to_string(to))};
  }
  return base::unavailable(fmt::format("{}: {}", to_string(to), error.message()));
}

// Answers to fill in, and which request is next: a few coroutines work the list off.
struct Batch {
  const std::vector<HttpRequest>& requests;
  std::chrono::milliseconds patience;
  std::vector<std::optional<Result<HttpReply>>> replies;
  size_t next = 0;
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
};

asio::awaitable<error_code> connect(beast::tcp_stream& stream, const Address& to) {
  error_code not_ip;
  const auto ip = asio::ip::make_address(to.host, not_ip);
  if (!not_ip) {
    auto [error] = co_await stream.async_connect(tcp::endpoint(ip, to.port), kAwait);
    co_return error;
  }
  tcp::resolver resolver(stream.get_executor());
  auto [failed, found] = co_await resolver.async_resolve(to.host, std::to_string(to.port), kAwait);
  if (failed) co_return failed;
  auto [error, endpoint] = co_await stream.async_connect(found, kAwait);
  co_return error;
}

asio::awaitable<Result<HttpReply>> ask(HttpRequest request, std::chrono::milliseconds patience) {
  beast::tcp_stream stream(co_await asio::this_coro::executor);
  stream.expires_after(patience);
  if (const error_code error = co_await connect(stream, request.to)) {
    co_return failure(request.to, error);
  }
  const auto verb = request.body.empty() ? http::verb::get : http::verb::post;
  http::request<http::string_body> sent(verb, request.target, 11, request.body);
  sent.set(http::field::host, to_string(request.to));
  sent.set(http::field::user_agent, "zoetrope-traffic");
  sent.set(http::field::connection, "close");
  if (!request.body.empty()) sent.set(http::field::content_type, "application/json");
  sent.prepare_payload();
  auto [unsent, written] = co_await http::async_write(stream, sent, kAwait);
  if (unsent) co_return failure(request.to, unsent);

  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(kMostBytes);
  auto [unread, read] = co_await http::async_read(stream, buffer, parser, kAwait);
  if (unread) co_return failure(request.to, unread);
  co_return HttpReply{static_cast<int>(parser.get().result_int()), std::move(parser.get().body())};
}

asio::awaitable<void> work(Batch& batch) {
  while (batch.next < batch.requests.size()) {
    const size_t mine = batch.next++;
    Result<HttpReply> reply = co_await ask(batch.requests[mine], batch.patience);
    if (reply.ok()) reply->after = std::chrono::steady_clock::now() - batch.start;
    batch.replies[mine] = std::move(reply);
  }
}

}  // namespace

std::vector<Result<HttpReply>> fetch_all(const std::vector<HttpRequest>& requests,
                                         std::chrono::milliseconds patience) {
  asio::io_context io(1);
  Batch batch{.requests = requests, .patience = patience, .replies = {}};
  batch.replies.resize(requests.size());
  for (size_t i = 0; i < std::min(kAtOnce, requests.size()); ++i) {
    asio::co_spawn(io, work(batch), asio::detached);
  }
  io.run();
  std::vector<Result<HttpReply>> replies;
  replies.reserve(requests.size());
  for (auto& reply : batch.replies) {
    replies.push_back(reply ? std::move(*reply)
                            : Result<HttpReply>(base::internal_error("a request was not made")));
  }
  return replies;
}

Result<HttpReply> fetch(const HttpRequest& request, std::chrono::milliseconds patience) {
  return std::move(fetch_all({request}, patience).front());
}

Result<std::string> body_of(Result<HttpReply> reply, const Address& from) {
  if (!reply.ok()) return reply.status();
  if (reply->status == 200) return std::move(reply->body);
  // A page says nothing that the status does not.
  const bool page = reply->body.empty() || reply->body.starts_with('<');
  return base::unavailable(fmt::format("{}: answered {}{}", to_string(from), reply->status,
                                       page ? "" : " " + base::in_quotes(reply->body)));
}

}  // namespace zoetrope::traffic::control

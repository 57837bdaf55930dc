#include "traffic/load/http_client.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <charconv>

namespace zoetrope::traffic::load {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using std::chrono::steady_clock;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr int64_t kLongestRetryAfter = 24 * 3600;

std::optional<int64_t> number(beast::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

}  // namespace

asio::awaitable<HttpClient::Stream> HttpClient::connect(steady_clock::time_point until) {
  if (!endpoint_) {
    asio::ip::tcp::resolver resolver(io_);
    const auto [error, found] =
        co_await resolver.async_resolve(host_, std::to_string(port_), kAwait);
    if (error || found.empty()) co_return nullptr;
    endpoint_ = found.begin()->endpoint();
  }
  auto stream = std::make_unique<beast::tcp_stream>(io_);
  stream->expires_at(until);
  const auto [error] = co_await stream->async_connect(*endpoint_, kAwait);
  if (error) co_return nullptr;
  beast::error_code ignored;
  stream->socket().set_option(asio::ip::tcp::no_delay(true), ignored);
  co_return stream;
}

asio::awaitable<Answer> HttpClient::ask(Headers headers, steady_clock::time_point until) {
  Answer answer;
  // A kept connection may have been closed at the other end while it lay idle: that is no failed
  // request, it is asked again over a fresh one.
  for (bool fresh = false; !fresh;) {
    Stream stream;
    if (idle_.empty()) {
      fresh = true;
      stream = co_await connect(until);
      if (!stream) break;
    } else {
      stream = std::move(idle_.back());
      idle_.pop_back();
    }
    stream->expires_at(until);
    bool reusable = false;
    answer = co_await ask_over(*stream, headers, &reusable);
    if (reusable) idle_.push_back(std::move(stream));
    if (answer.status != 0) break;
  }
  answer.ended = steady_clock::now();
  co_return answer;
}

asio::awaitable<Answer> HttpClient::ask_over(beast::tcp_stream& stream, const Headers& headers,
                                             bool* reusable) {
  Answer answer;
  http::request<http::empty_body> request(http::verb::post, path_, 11);
  request.set(http::field::host, host_);
  for (const auto& [name, value] : headers) request.set(name, value);
  request.prepare_payload();
  const auto [write_error, written] = co_await http::async_write(stream, request, kAwait);
  if (write_error) co_return answer;
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(64 << 20);
  const auto [head_error, head] = co_await http::async_read_header(stream, buffer, parser, kAwait);
  if (head_error) co_return answer;
  answer.status = static_cast<int>(parser.get().result_int());
  answer.admitted = steady_clock::now();
  const auto& fields = parser.get();
  answer.region = std::string(fields["x-zoetrope-region"]);
  answer.attempts = static_cast<int>(
      std::clamp<int64_t>(number(fields["x-zoetrope-attempts"]).value_or(1), 1, 1000));
  if (const auto seconds = number(fields[http::field::retry_after])) {
    answer.retry_after = std::chrono::seconds(std::min(*seconds, kLongestRetryAfter));
  }
  const auto [error, bytes] = co_await http::async_read(stream, buffer, parser, kAwait);
  answer.whole = !error;
  *reusable = !error && parser.get().keep_alive();
  co_return answer;
}

}  // namespace zoetrope::traffic::load

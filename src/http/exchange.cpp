#include "http/exchange.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/beast/http/status.hpp>

namespace zoetrope::http {
namespace {

namespace asio = boost::asio;

// Of JSON, results and streams: nothing in them is a page.
constexpr std::string_view kNothingLoads = "default-src 'none'; frame-ancestors 'none'";

std::string_view reason(int status) {
  const auto text = boost::beast::http::obsolete_reason(
      boost::beast::http::int_to_status(static_cast<unsigned>(status)));
  return {text.data(), text.size()};
}

void append(std::string& text, std::string_view name, std::string_view value) {
  text.append(name).append(": ").append(value).append("\r\n");
}

// The origin to be named in the answer; empty: this one is not allowed.
std::string_view allowed_origin(const Exchange& exchange) {
  const auto& origins = exchange.context->options.cors_origins;
  const std::string_view origin = exchange.header("origin");
  const auto found = std::find(origins.begin(), origins.end(), origin);
  return found == origins.end() ? std::string_view() : std::string_view(*found);
}

}  // namespace

Response json_response(std::string body) { return {.body = std::move(body)}; }

Response error_response(const ApiError& error) {
  Response response{.status = error.status, .body = error_body(error)};
  if (error.status == 401) response.headers.emplace_back("www-authenticate", "Bearer");
  // A clip takes seconds: whoever comes back at once meets the same one.
  if (error.status == 429 || error.status == 503) response.headers.emplace_back("retry-after", "2");
  return response;
}

Response error_response(const base::Status& status) {
  Response response = error_response(api_error(status));
  if (response.status == 500) response.for_log = status.message();
  return response;
}

std::string_view Exchange::header(std::string_view name) const {
  const auto found = request.find({name.data(), name.size()});
  if (found == request.end()) return {};
  return {found->value().data(), found->value().size()};
}

std::string head_text(const Exchange& exchange, const Response& response,
                      std::optional<size_t> length) {
  std::string text = fmt::format("HTTP/1.1 {} {}\r\n", response.status, reason(response.status));
  append(text, "date",
         fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(std::time(nullptr))));
  append(text, "x-request-id", exchange.request_id);
  const bool has_body = response.status != 204 && response.status != 304;
  if (has_body) {
    append(text, "content-type", response.media_type);
    if (length) append(text, "content-length", std::to_string(*length));
    if (!length) append(text, "transfer-encoding", "chunked");
  }
  if (exchange.close || response.close) {
    append(text, "connection", "close");
  } else if (exchange.request.version() < 11) {
    append(text, "connection", "keep-alive");
  }
  append(text, "x-content-type-options", "nosniff");
  append(text, "referrer-policy", "no-referrer");
  append(text, "x-frame-options", "DENY");
  append(text, "content-security-policy",
         response.security_policy.empty() ? kNothingLoads : response.security_policy);
  if (!response.cacheable) append(text, "cache-control", "no-store");
  if (!exchange.context->options.cors_origins.empty()) append(text, "vary", "origin");
  if (const auto origin = allowed_origin(exchange); !origin.empty()) {
    append(text, "access-control-allow-origin", origin);
    append(text, "access-control-expose-headers", "x-request-id, x-job-id, retry-after");
  }
  for (const auto& [name, value] : response.headers) append(text, name, value);
  text.append("\r\n");
  return text;
}

asio::awaitable<bool> begin_stream(ExchangePtr exchange, Response head) {
  const auto& limits = exchange->context->options.limits;
  co_return co_await exchange->connection->write(head_text(*exchange, head, std::nullopt),
                                                 limits.write_time);
}

asio::awaitable<bool> stream(ExchangePtr exchange, std::string piece) {
  const auto& limits = exchange->context->options.limits;
  if (piece.empty()) co_return true;  // an empty chunk would be the end
  std::string chunk = fmt::format("{:x}\r\n", piece.size());
  chunk.append(piece).append("\r\n");
  co_return co_await exchange->connection->write(std::move(chunk), limits.write_time);
}

asio::awaitable<bool> end_stream(ExchangePtr exchange) {
  const auto& limits = exchange->context->options.limits;
  co_return co_await exchange->connection->write("0\r\n\r\n", limits.write_time);
}

}  // namespace zoetrope::http

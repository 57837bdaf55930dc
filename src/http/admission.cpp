#include "http/admission.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "http/form.h"
#include "http/submission.h"

namespace zoetrope::http {
namespace {

namespace asio = boost::asio;
using boost::beast::http::verb;

constexpr size_t kMaxRequestId = 128;

// "example.org" of "example.org:8000", "[::1]" of "[::1]:8000".
std::string_view host_name(std::string_view host) {
  const size_t end = host.starts_with('[') ? host.find(']') + 1 : host.find(':');
  return host.substr(0, end);
}

bool is_host(std::string_view host) {
  return !host.empty() && host.size() <= 255 &&
         std::all_of(host.begin(), host.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_' || c == ':' ||
                  c == '[' || c == ']';
         });
}

bool is_loopback_name(std::string_view name) {
  const bool is_number = name.find_first_not_of("0123456789.") == name.npos;
  return name == "localhost" || name == "[::1]" || (is_number && name.starts_with("127."));
}

// Only a browser sends Origin; where the page is not ours, and not allowed, it may not act.
bool is_foreign_origin(const Exchange& exchange) {
  const std::string_view origin = exchange.header("origin");
  if (origin.empty()) return false;
  const auto& allowed = exchange.context->options.cors_origins;
  if (std::find(allowed.begin(), allowed.end(), origin) != allowed.end()) return false;
  const size_t scheme = origin.find("://");
  return scheme == origin.npos || origin.substr(scheme + 3) != exchange.header("host");
}

bool only_reads(verb method) {
  return method == verb::get || method == verb::head || method == verb::options;
}

std::optional<std::string_view> bearer_key(const Exchange& exchange) {
  const std::string_view header = exchange.header("authorization");
  constexpr std::string_view kScheme = "bearer ";
  if (header.size() <= kScheme.size()) return std::nullopt;
  const bool is_bearer =
      std::equal(kScheme.begin(), kScheme.end(), header.begin(),
                 [](char expected, unsigned char c) { return expected == std::tolower(c); });
  if (!is_bearer) return std::nullopt;
  return header.substr(kScheme.size());
}

std::optional<Response> check_key(Exchange& exchange) {
  if (!exchange.context->keys) return std::nullopt;
  const auto key = bearer_key(exchange);
  auto known = key ? exchange.context->keys->find(*key) : std::nullopt;
  if (known) {
    exchange.key = std::move(*known);
    return std::nullopt;
  }
  exchange.context->metrics.refused("key");
  return error_response(api_error(401, "invalid_api_key",
                                  key ? "authorization: this API key is not known"
                                      : "authorization: an API key is needed (Bearer)",
                                  "authorization"));
}

std::optional<Response> check_rate(Exchange& exchange) {
  const auto wait = exchange.context->limiter.take(exchange.key.name, exchange.key.per_minute,
                                                   RateLimiter::Clock::now());
  if (wait.count() == 0) return std::nullopt;
  exchange.context->metrics.refused("rate");
  Response response = error_response(
      api_error(429, "rate_limit_exceeded",
                fmt::format("this API key may start {} generations a minute; try again in {} s",
                            exchange.key.per_minute, wait.count())));
  response.headers = {{"retry-after", std::to_string(wait.count())}};
  return response;
}

std::optional<Response> check_body(const Exchange& exchange, const Route& route,
                                   std::optional<uint64_t> length) {
  const int64_t most = exchange.context->options.limits.body_bytes;
  if (length && *length > static_cast<uint64_t>(most)) {
    exchange.context->metrics.refused("size");
    return error_response(
        api_error(413, "body_too_large",
                  fmt::format("body: {} bytes is over the limit of {}", *length, most), "body"));
  }
  const std::string_view encoding = exchange.header("content-encoding");
  if (!encoding.empty() && encoding != "identity") {
    return error_response(api_error(415, "unsupported_media_type",
                                    "content-encoding: bodies must not be compressed",
                                    "content-encoding"));
  }
  const auto kind = body_kind(exchange.header("content-type"));
  if (!kind.ok() || (route.body == Body::kJson && *kind != BodyKind::kJson)) {
    return error_response(api_error(
        415, "unsupported_media_type",
        kind.ok() ? "content-type: must be application/json here" : kind.status().message(),
        "content-type"));
  }
  return std::nullopt;
}

}  // namespace

std::string request_id(std::string_view from_client) {
  const bool usable = !from_client.empty() && from_client.size() <= kMaxRequestId &&
                      std::all_of(from_client.begin(), from_client.end(), [](unsigned char c) {
                        return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c == ':';
                      });
  if (usable) return std::string(from_client);
  // Only to find a line in the log again: it need not be hard to guess.
  thread_local std::mt19937_64 random{std::random_device{}()};
  return fmt::format("req_{:016x}{:016x}", random(), random());
}

std::optional<ApiError> check_head(const Exchange& exchange) {
  const auto& request = exchange.request;
  const std::string_view host = exchange.header("host");
  if (request.version() >= 11 && (!is_host(host) || request.count("host") != 1)) {
    return api_error(400, "invalid_value", "host: is missing or not a host", "host");
  }
  const std::string_view expect = exchange.header("expect");
  if (!expect.empty() && !boost::beast::iequals(expect, "100-continue")) {
    return api_error(417, "invalid_value", "expect: only 100-continue is known", "expect");
  }
  const ServerOptions& options = exchange.context->options;
  // Without keys only this machine is meant. A site that points its own name here is not.
  const bool keyless = !exchange.context->keys && !options.open;
  if (keyless && !host.empty() && !is_loopback_name(host_name(host)) &&
      host_name(host) != options.host) {
    return api_error(403, "permission_denied",
                     "host: this server is for its own machine; give it API keys to be reached by "
                     "another name",
                     "host");
  }
  if (!only_reads(request.method()) && is_foreign_origin(exchange)) {
    return api_error(403, "permission_denied", "origin: pages of other sites may not call this",
                     "origin");
  }
  return std::nullopt;
}

asio::awaitable<std::optional<Response>> check_admission(ExchangePtr exchange, const Route& route,
                                                         std::optional<uint64_t> length) {
  if (!route.open) {
    if (auto refused = check_key(*exchange)) co_return refused;
  }
  if (route.body != Body::kNone) {
    if (auto refused = check_body(*exchange, route, length)) co_return refused;
  }
  if (!route.generates) co_return std::nullopt;
  if (exchange->context->stopping) {
    exchange->context->metrics.refused("stopping");
    co_return error_response(base::unavailable("the server is stopping"));
  }
  if (auto refused = check_rate(*exchange)) co_return refused;
  const base::Status room = co_await check_room(exchange);
  if (room.ok()) co_return std::nullopt;
  exchange->context->metrics.refused("busy");
  co_return error_response(room);
}

std::optional<Response> preflight(const Exchange& exchange, std::string_view allow) {
  const auto& origins = exchange.context->options.cors_origins;
  const bool asked = exchange.request.method() == verb::options &&
                     !exchange.header("access-control-request-method").empty();
  if (!asked ||
      std::find(origins.begin(), origins.end(), exchange.header("origin")) == origins.end()) {
    return std::nullopt;
  }
  Response response{.status = 204};
  response.headers = {{"access-control-allow-methods", std::string(allow)},
                      {"access-control-allow-headers",
                       "authorization, content-type, idempotency-key, last-event-id, x-request-id"},
                      {"access-control-max-age", "600"}};
  return response;
}

}  // namespace zoetrope::http

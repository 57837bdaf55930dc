#include "http/session.h"

#include <fmt/format.h>

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <limits>
#include <optional>

#include "base/log.h"
#include "http/admission.h"
#include "http/handlers.h"
#include "http/router.h"

namespace zoetrope::http {
namespace {

namespace asio = boost::asio;
namespace beast_http = boost::beast::http;
using boost::beast::http::verb;
using boost::system::error_code;
using Clock = Connection::Clock;

constexpr uint32_t kMaxHeaderBytes = 16 << 10;
constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();
constexpr uint64_t kMaxSkipped = 256 << 10;  // of a body that nobody wants: then close instead

class Session {
 public:
  Session(std::shared_ptr<Context> context, std::shared_ptr<Connection> connection)
      : context_(std::move(context)), connection_(std::move(connection)) {}

  asio::awaitable<void> run();

 private:
  using Parser = beast_http::request_parser<beast_http::string_body>;

  asio::awaitable<bool> read_head();
  asio::awaitable<Response> answer();
  asio::awaitable<Response> dispatch(const Route& route);
  asio::awaitable<std::optional<Response>> read_body(uint64_t limit);
  asio::awaitable<bool> skip_body();
  asio::awaitable<bool> send(Response response);
  asio::awaitable<void> refuse(Response response);
  void parse_received(error_code& error);
  std::optional<uint64_t> body_length() const;
  bool will_skip_body() const;
  Response parse_failure(error_code error) const;
  void record(int status, const std::string& for_log, std::chrono::duration<double> time) const;

  const std::shared_ptr<Context> context_;
  const std::shared_ptr<Connection> connection_;
  std::optional<Parser> parser_;
  ExchangePtr exchange_;
  std::string_view route_ = "other";  // pattern, for the metrics
  bool continue_sent_ = false;
  bool broken_ = false;  // what follows on the connection cannot be understood
};

void Session::record(int status, const std::string& for_log,
                     std::chrono::duration<double> time) const {
  const auto method = beast_http::to_string(exchange_->request.method());
  context_->metrics.answered(route_, {method.data(), method.size()}, status, time);
  // What is asked every few seconds would hide the rest.
  const bool is_routine = exchange_->target.path.starts_with("/health/") || route_ == "/metrics";
  const auto level = status == 500 ? base::LogLevel::kError
                     : is_routine  ? base::LogLevel::kDebug
                                   : base::LogLevel::kInfo;
  base::log(level, "request",
            {{"request", exchange_->request_id},
             {"method", std::string_view(method.data(), method.size())},
             {"route", route_},
             {"id", exchange_->id},
             {"key", exchange_->key.name},
             {"status", status},
             {"seconds", time.count()},
             {"problem", for_log}});
}

// Hands the parser what it can use: a header must be whole before any of it is taken, and so must
// the head of a chunk. It stops where the header does, or the message.
void Session::parse_received(error_code& error) {
  const bool in_body = parser_->is_header_done();
  parser_->eager(in_body);
  while (!connection_->received().empty() && !parser_->is_done()) {
    const std::string_view received = connection_->received();
    const size_t used = parser_->put(asio::buffer(received.data(), received.size()), error);
    connection_->consume(used);
    if (error == beast_http::error::need_more) error = {};
    if (error || used == 0 || !in_body) return;
  }
}

// False: the connection is done; what was wrong with it has been answered.
asio::awaitable<bool> Session::read_head() {
  const ServerLimits& limits = context_->options.limits;
  parser_.emplace();
  parser_->header_limit(kMaxHeaderBytes);
  parser_->body_limit(kNoLimit);  // asked in check_admission, and again while reading
  exchange_ = std::make_shared<Exchange>(Exchange{.context = context_, .connection = connection_});
  exchange_->request_id = request_id({});
  route_ = "other";
  continue_sent_ = broken_ = false;

  bool begun = false;
  connection_->limit_time(limits.idle_time);
  connection_->set_between_requests(true);
  while (true) {
    // An empty line or two before a request is forgiven (RFC 9112, section 2.2).
    while (!begun && connection_->received().starts_with("\r\n")) connection_->consume(2);
    if (!connection_->received().empty()) {
      if (!begun) connection_->limit_time(limits.header_time);
      begun = true;
      connection_->set_between_requests(false);
      error_code error;
      parse_received(error);
      if (error) {
        co_await refuse(parse_failure(error));
        co_return false;
      }
      if (parser_->is_header_done()) break;
    }
    if (context_->stopping && !begun) co_return false;
    if (co_await connection_->more()) continue;
    if (!begun || !connection_->timed_out()) co_return false;
    context_->metrics.slow_clients().Increment();
    co_await refuse(error_response(
        api_error(408, "timeout", "the header of the request did not come in time")));
    co_return false;
  }
  connection_->limit_time(std::nullopt);
  exchange_->request = parser_->get();  // header only
  exchange_->request_id = request_id(exchange_->header("x-request-id"));
  exchange_->close = !parser_->get().keep_alive() || context_->stopping;
  co_return true;
}

// The answer to what is no request: the connection ends with it.
asio::awaitable<void> Session::refuse(Response response) {
  connection_->limit_time(std::nullopt);
  broken_ = true;
  const int status = response.status;
  co_await send(std::move(response));
  record(status, {}, Clock::duration());
}

Response Session::parse_failure(error_code error) const {
  if (error == beast_http::error::header_limit) {
    return error_response(api_error(
        431, "headers_too_large",
        fmt::format("the header of the request is over the limit of {} bytes", kMaxHeaderBytes)));
  }
  if (error == beast_http::error::body_limit) {
    context_->metrics.refused("size");
    return error_response(api_error(
        413, "body_too_large",
        fmt::format("body: is over the limit of {} bytes", context_->options.limits.body_bytes),
        "body"));
  }
  return error_response(api_error(400, "bad_http", "not HTTP: " + error.message()));
}

std::optional<uint64_t> Session::body_length() const {
  const auto length = parser_->content_length();
  return length ? std::optional<uint64_t>(*length) : std::nullopt;
}

// Whether the rest of an unwanted body is read, so that the connection can be used again.
bool Session::will_skip_body() const {
  if (broken_) return false;
  if (parser_->is_done()) return true;
  if (!exchange_->header("expect").empty() && !continue_sent_) return false;
  const auto left = parser_->content_length_remaining();
  return left && *left <= kMaxSkipped;
}

asio::awaitable<bool> Session::skip_body() {
  connection_->limit_time(context_->options.limits.body_time);
  while (!parser_->is_done()) {
    error_code error;
    parse_received(error);
    if (error) co_return false;
    if (!parser_->is_done() && !co_await connection_->more()) co_return false;
  }
  connection_->limit_time(std::nullopt);
  co_return true;
}

asio::awaitable<std::optional<Response>> Session::read_body(uint64_t limit) {
  parser_->body_limit(limit);
  if (!exchange_->header("expect").empty() && connection_->received().empty() &&
      !parser_->is_done()) {
    continue_sent_ = true;
    co_await connection_->write("HTTP/1.1 100 Continue\r\n\r\n",
                                context_->options.limits.write_time);
  }
  connection_->limit_time(context_->options.limits.body_time);
  while (!parser_->is_done()) {
    error_code error;
    parse_received(error);
    if (error) {
      broken_ = true;
      connection_->limit_time(std::nullopt);
      co_return parse_failure(error);
    }
    if (parser_->is_done() || co_await connection_->more()) continue;
    broken_ = true;
    if (connection_->timed_out()) context_->metrics.slow_clients().Increment();
    co_return error_response(
        api_error(408, "timeout", "body: did not come in time, or not whole", "body"));
  }
  connection_->limit_time(std::nullopt);
  exchange_->request.body() = std::move(parser_->get().body());
  co_return std::nullopt;
}

asio::awaitable<Response> Session::dispatch(const Route& route) {
  route_ = route.path;
  if (auto refused = co_await check_admission(exchange_, route, body_length())) {
    co_return std::move(*refused);
  }
  if (route.body != Body::kNone) {
    const auto limit = static_cast<uint64_t>(context_->options.limits.body_bytes);
    if (auto failed = co_await read_body(limit)) co_return std::move(*failed);
  } else if (will_skip_body() && !co_await skip_body()) {
    broken_ = true;
  }
  // The parser's memory is not needed any more, and an event stream may last for hours.
  if (parser_->is_done()) parser_->get() = {};
  co_return co_await route.handler(exchange_);
}

asio::awaitable<Response> Session::answer() {
  const auto& request = exchange_->request;
  const std::string_view text(request.target().data(), request.target().size());
  auto target = parse_target(text);
  if (!target.ok()) co_return error_response(target.status());
  exchange_->target = std::move(*target);
  if (const auto wrong = check_head(*exchange_)) co_return error_response(*wrong);

  RouteMatch match = match_route(request.method(), exchange_->target.path);
  if (match.route != nullptr) {
    exchange_->id = std::move(match.id);
    co_return co_await dispatch(*match.route);
  }
  const bool reads = request.method() == verb::get || exchange_->is_head();
  if (match.allow.empty() && reads) {
    route_ = "page";
    co_return web_page(*exchange_);
  }
  if (match.allow.empty()) {
    co_return error_response(api_error(404, "not_found", "there is nothing under this path"));
  }
  if (auto allowed = preflight(*exchange_, match.allow)) co_return std::move(*allowed);
  Response response = error_response(
      api_error(405, "method_not_allowed", "method: this path knows " + match.allow, "method"));
  response.headers.emplace_back("allow", match.allow);
  co_return response;
}

asio::awaitable<bool> Session::send(Response response) {
  if (response.sent) co_return !response.close && !exchange_->close;
  const bool done = will_skip_body();
  response.close = response.close || !done;
  const size_t length = response.body.size();
  std::string text = head_text(*exchange_, response, length);
  const bool has_body = !exchange_->is_head() && response.status != 304 && response.status != 204;
  if (has_body) text += response.body;
  if (!co_await connection_->write(std::move(text), context_->options.limits.write_time)) {
    co_return false;
  }
  if (!done) co_await connection_->linger();
  co_return !response.close && !exchange_->close;
}

asio::awaitable<void> Session::run() {
  const bool ready = co_await connection_->handshake(context_->options.limits.header_time);
  while (ready && co_await read_head()) {
    const auto begin = Clock::now();
    Response response;
    try {
      response = co_await answer();
    } catch (const std::exception& error) {
      response = error_response(base::internal_error(error.what()));
    }
    const int status = response.status;
    const std::string for_log = response.for_log;
    const bool go_on = co_await send(std::move(response));
    record(status, for_log, Clock::now() - begin);
    if (!go_on) break;
    if (!parser_->is_done() && !co_await skip_body()) break;
  }
  connection_->close();
}

}  // namespace

asio::awaitable<void> serve(std::shared_ptr<Context> context,
                            std::shared_ptr<Connection> connection) {
  Session session(std::move(context), std::move(connection));
  co_await session.run();
}

}  // namespace zoetrope::http

// One request and its answer, and what all of them share.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/api/job_service.h"
#include "http/api_error.h"
#include "http/connection.h"
#include "http/generation_request.h"
#include "http/http_metrics.h"
#include "http/key_store.h"
#include "http/rate_limiter.h"
#include "http/server.h"
#include "http/target.h"
#include "http/workers.h"

namespace zoetrope::http {

// What lives as long as the server. Used on the server's thread, `jobs` and `workers` on any.
struct Context {
  engine::JobService& jobs;
  prometheus::Registry& registry;
  const ServerOptions options;
  const RequestRules rules;
  const int64_t started;  // seconds since 1970
  std::unique_ptr<KeyStore> keys;
  HttpMetrics metrics;
  RateLimiter limiter = {};
  Workers workers{4};
  bool stopping = false;
};

struct Response {
  int status = 200;
  std::string media_type = "application/json";
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string_view security_policy = {};  // empty: nothing may be loaded
  bool cacheable = false;                 // else "no-store"; else the headers say how
  bool close = false;                     // the connection, after this
  bool sent = false;                      // a stream: begin_stream() and after have sent it
  std::string for_log = {};               // what the client is not told
};

Response json_response(std::string body);
Response error_response(const ApiError& error);
Response error_response(const base::Status& status);

struct Exchange {
  std::shared_ptr<Context> context;
  std::shared_ptr<Connection> connection;
  boost::beast::http::request<boost::beast::http::string_body> request = {};
  Target target = {};
  std::string id = {};          // of the path: "/v1/videos/{id}"
  std::string request_id = {};  // on every answer
  ApiKey key = {};              // its name is the owner of jobs; empty where no keys are used
  bool close = false;           // the client wants the connection closed after this

  // Empty if there is none.
  std::string_view header(std::string_view name) const;
  bool is_head() const { return request.method() == boost::beast::http::verb::head; }
};
using ExchangePtr = std::shared_ptr<Exchange>;

// The status line and headers of an answer, with the empty line that ends them. Without a length
// it is a chunked one.
std::string head_text(const Exchange& exchange, const Response& response,
                      std::optional<size_t> length);

// An answer in pieces. False: the client left.
boost::asio::awaitable<bool> begin_stream(ExchangePtr exchange, Response head);
boost::asio::awaitable<bool> stream(ExchangePtr exchange, std::string piece);
boost::asio::awaitable<bool> end_stream(ExchangePtr exchange);

}  // namespace zoetrope::http

// What the server says of itself: models, health, metrics, the API's description, the web page.
#include <fmt/format.h>
#include <prometheus/text_serializer.h>

#include "http/handlers.h"
#include "http/job_json.h"
#include "http/openapi.h"
#include "web/web.h"

namespace zoetrope::http {
namespace {

namespace asio = boost::asio;

Response health_response(bool good, const engine::ServiceHealth& health) {
  nlohmann::json body = {{"status", good ? "ok" : "unavailable"},
                         {"running", health.running},
                         {"queued", health.queued}};
  if (!health.reason.empty()) body["reason"] = health.reason;
  Response response = json_response(dump(body));
  if (!good) response.status = 503;
  return response;
}

}  // namespace

asio::awaitable<Response> list_models(ExchangePtr exchange) {
  const Context& context = *exchange->context;
  nlohmann::json data = nlohmann::json::array({model_json(context.rules, context.started)});
  co_return json_response(dump({{"object", "list"}, {"data", std::move(data)}}));
}

asio::awaitable<Response> get_model(ExchangePtr exchange) {
  const Context& context = *exchange->context;
  if (exchange->id != context.rules.model) {
    co_return error_response(base::not_found(fmt::format(
        "model: there is no such model here; this server has '{}'", context.rules.model)));
  }
  co_return json_response(dump(model_json(context.rules, context.started)));
}

asio::awaitable<Response> health_live(ExchangePtr exchange) {
  const engine::ServiceHealth health = exchange->context->jobs.health();
  co_return health_response(health.live, health);
}

asio::awaitable<Response> health_ready(ExchangePtr exchange) {
  const engine::ServiceHealth health = exchange->context->jobs.health();
  co_return health_response(health.live && health.ready && !exchange->context->stopping, health);
}

asio::awaitable<Response> metrics(ExchangePtr exchange) {
  const prometheus::TextSerializer serializer;
  Response response = json_response(serializer.Serialize(exchange->context->registry.Collect()));
  response.media_type = "text/plain; version=0.0.4; charset=utf-8";
  co_return response;
}

asio::awaitable<Response> openapi(ExchangePtr exchange) {
  (void)exchange;
  co_return json_response(std::string(openapi_json()));
}

Response web_page(const Exchange& exchange) {
  const auto file = web::find(exchange.target.path);
  if (!file) {
    return error_response(api_error(404, "not_found", "there is nothing under this path"));
  }
  Response response{.media_type = std::string(file->media_type),
                    .security_policy = web::kContentSecurityPolicy,
                    .cacheable = true};
  response.headers = {{"etag", std::string(file->etag)}, {"cache-control", "no-cache"}};
  if (exchange.header("if-none-match").find(file->etag) != std::string_view::npos) {
    response.status = 304;
  } else {
    response.body = file->bytes;
  }
  return response;
}

}  // namespace zoetrope::http

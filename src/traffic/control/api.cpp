#include "traffic/control/api.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/log.h"
#include "traffic/control/manager.h"
#include "traffic/control/manager_metrics.h"
#include "traffic/control/page.h"
#include "traffic/control/status_json.h"
#include "web/web.h"

namespace zoetrope::traffic::control {
namespace {

using nlohmann::json;

constexpr std::string_view kDiscovery = "/v3/discovery:";
// Epochs without one after which the manager is not well.
constexpr int kLateEpochs = 3;

std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

Response problem(int status, std::string_view what) {
  return {.status = status, .body = dump({{"error", what}})};
}

Response page_file(std::string_view path, const Request& request) {
  const auto file = find_page(path);
  if (!file) return problem(404, "there is nothing under this path");
  Response response{.body = {},
                    .media_type = file->media_type,
                    .etag = std::string(file->etag),
                    .security_policy = web::kContentSecurityPolicy};
  if (request.if_none_match.find(file->etag) != std::string::npos) {
    response.status = 304;
  } else {
    response.body = file->bytes;
  }
  return response;
}

Response override_refusal(const Request& request, Manager& manager) {
  // A page of another site cannot send this type without asking first.
  if (!request.content_type.starts_with("application/json")) {
    return problem(415, "the body must be application/json");
  }
  const auto body = base::parse_json(request.body, "body", {.max_bytes = 4096});
  if (!body.ok()) return problem(400, body.status().message());
  if (!body->is_object() || !body->contains("refusal") || !(*body)["refusal"].is_string()) {
    return problem(400, "refusal: must be the id of a refusal");
  }
  const std::string id = (*body)["refusal"];
  if (const base::Status done = manager.override_refusal(id); !done.ok()) {
    return problem(404, done.message());
  }
  base::log(base::LogLevel::kWarning, "refusal overridden", {{"refusal", id}});
  return {.body = dump({{"overridden", id}})};
}

Response health(const Snapshot& snapshot, const FleetConfig& config, Time now, bool ready) {
  const bool late = snapshot.epoch > 0 && now - snapshot.at > kLateEpochs * config.manager.epoch;
  const bool good = !late && (!ready || snapshot.publication.has_value());
  return {.status = good ? 200 : 503, .body = dump({{"status", good ? "ok" : "unavailable"}})};
}

Response get(std::string_view path, const Request& request, const Manager& manager, Time now) {
  const auto snapshot = manager.snapshot();
  const FleetConfig& config = manager.config();
  if (path == "/v1/status") {
    return {.body = dump(status_json(*snapshot, config, manager.topology(), now))};
  }
  if (path == "/v1/publication") {
    if (!snapshot->publication) return problem(503, "no table has been published yet");
    return {.body = to_json(*snapshot->publication)};
  }
  if (path == "/metrics") {
    return {.body = metrics_text(*snapshot, config, manager.topology(), now),
            .media_type = "text/plain; version=0.0.4; charset=utf-8"};
  }
  if (path == "/health/live") return health(*snapshot, config, now, false);
  if (path == "/health/ready") return health(*snapshot, config, now, true);
  return page_file(path, request);
}

}  // namespace

Response answer(const Request& request, Manager& manager, Time now) {
  const std::string_view target = request.target;
  const std::string_view path = target.substr(0, target.find('?'));
  if (request.method == "GET") return get(path, request, manager, now);
  if (request.method != "POST") return problem(405, "only GET and POST");
  if (path == "/v1/override") return override_refusal(request, manager);
  for (const std::string_view type : {"endpoints", "runtime"}) {
    if (path.starts_with(kDiscovery) && path.substr(kDiscovery.size()) == type) {
      return answer_discovery(type, request.body, *manager.snapshot());
    }
  }
  return problem(404, "there is nothing under this path");
}

}  // namespace zoetrope::traffic::control

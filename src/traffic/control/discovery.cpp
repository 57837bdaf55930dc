#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/in_quotes.h"
#include "traffic/control/api.h"
#include "traffic/control/discovery_request.h"
#include "traffic/control/manager.h"
#include "traffic/control/xds_documents.h"

namespace zoetrope::traffic::control {
namespace {

Response problem(int status, const std::string& what) {
  // Names out of a request may hold any bytes.
  return {.status = status,
          .body = nlohmann::json{{"error", what}}.dump(-1, ' ', false,
                                                       nlohmann::json::error_handler_t::replace)};
}

}  // namespace

// Every problem is an answer that Envoy counts as update_failure: it keeps the table it has.
Response answer_discovery(std::string_view type, std::string_view body, const Snapshot& snapshot) {
  const auto request = parse_discovery_request(body);
  if (!request.ok()) return problem(400, request.status().message());
  if (request->resources.size() != 1) {
    return problem(400, "request: resource_names: ask for one at a time");
  }
  const std::string& resource = request->resources.front();
  const bool runtime = resource == kRuntimeResource;
  if ((type == "runtime") != runtime) {
    return problem(404, fmt::format("there is no {} here", base::in_quotes(resource)));
  }
  if (!snapshot.publication) return problem(503, "no table has been published yet");
  const Publication& publication = *snapshot.publication;
  const int region = publication.find(request->region);
  if (region < 0) {
    // Never another region's table.
    return problem(404, fmt::format("there is no region {}", base::in_quotes(request->region)));
  }
  if (request->version == std::to_string(publication.version)) return {.status = 304, .body = {}};
  auto document = discovery_response(publication, region, resource);
  if (!document) return problem(404, fmt::format("there is no {}", base::in_quotes(resource)));
  return {.body = std::move(*document)};
}

}  // namespace zoetrope::traffic::control

#include "traffic/control/discovery_request.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/json.h"

namespace zoetrope::traffic::control {
namespace {

using base::Result;
using base::Status;
using nlohmann::json;

// Envoy 1.40 sends 77 kB, most of it the list of its extensions.
constexpr base::JsonLimits kLimits{
    .max_bytes = size_t{4} << 20, .max_depth = 32, .max_values = 100'000};
constexpr size_t kLongest = 256;  // of a name
constexpr size_t kMostNames = 16;

const json* member(const json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

const json* member(const json& object, const char* snake, const char* camel) {
  const json* found = member(object, snake);
  return found == nullptr ? member(object, camel) : found;
}

// False where the value is no short text. An absent one leaves `into` as it is.
bool read(const json* value, std::string& into) {
  if (value == nullptr || value->is_null()) return true;
  if (!value->is_string() || value->get_ref<const std::string&>().size() > kLongest) return false;
  into = value->get<std::string>();
  return true;
}

}  // namespace

Result<DiscoveryRequest> parse_discovery_request(std::string_view body) {
  ZT_ASSIGN_OR_RETURN(const json value, base::parse_json(body, "request", kLimits));
  const json* node = member(value, "node");
  const json* locality = node == nullptr ? nullptr : member(*node, "locality");
  const json* region = locality == nullptr ? nullptr : member(*locality, "region");
  DiscoveryRequest request;
  if (!read(region, request.region) || request.region.empty()) {
    return base::invalid_argument("request: node.locality.region: must be the name of a region");
  }
  if (!read(member(*node, "id"), request.node)) {
    return base::invalid_argument("request: node.id: must be a text");
  }
  if (!read(member(value, "version_info", "versionInfo"), request.version)) {
    return base::invalid_argument("request: version_info: must be a text");
  }
  const json* names = member(value, "resource_names", "resourceNames");
  const bool listed = names != nullptr && names->is_array() && !names->empty();
  if (!listed || names->size() > kMostNames) {
    return base::invalid_argument(
        fmt::format("request: resource_names: must be 1 to {} names", kMostNames));
  }
  for (const json& name : *names) {
    if (!name.is_string() || !read(&name, request.resources.emplace_back())) {
      return base::invalid_argument("request: resource_names: must be a list of names");
    }
  }
  return request;
}

}  // namespace zoetrope::traffic::control

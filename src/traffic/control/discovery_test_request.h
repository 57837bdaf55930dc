// What gateways and agents send, for tests.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "traffic/control/xds_documents.h"

namespace zoetrope::traffic::control::testing {

// The body of a discovery request, as Envoy sends it.
inline nlohmann::json request(const std::string& region, std::string_view resource,
                              const std::string& version) {
  return {{"version_info", version},
          {"node",
           {{"id", "gw-0"},
            {"cluster", "animate-gw"},
            {"locality", {{"region", region}, {"zone", region}}},
            {"extensions", nlohmann::json::array({nlohmann::json{{"name", "envoy.x"}}})}}},
          {"resource_names", {resource}},
          {"type_url", kEndpointType}};
}

}  // namespace zoetrope::traffic::control::testing

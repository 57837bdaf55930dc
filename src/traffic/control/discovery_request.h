// What Envoy asks in REST xDS: POST /v3/discovery:endpoints and :runtime with a DiscoveryRequest as
// JSON. Untrusted bytes. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace zoetrope::traffic::control {

struct DiscoveryRequest {
  std::string node;     // its id, for logs; may be empty
  std::string region;   // node.locality.region
  std::string version;  // version_info of what it has; empty: nothing yet
  std::vector<std::string> resources;
};

// Accepts both spellings of JSON for protocol buffers (version_info, versionInfo) and ignores the
// fields it does not need. Fails without a region or without a resource.
base::Result<DiscoveryRequest> parse_discovery_request(std::string_view body);

}  // namespace zoetrope::traffic::control

// Envoy's view of a publication: the answers to discovery requests (EDS, RTDS) as JSON. The same
// documents are what agents put into files for path_config_source.
//
// Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "traffic/control/publication.h"
#include "traffic/envoy/names.h"

namespace zoetrope::traffic::control {

using envoy::kLocalPoolResource;
using envoy::kPoolResource;
using envoy::kRuntimeResource;

inline constexpr std::string_view kEndpointType =
    "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";
inline constexpr std::string_view kRuntimeType =
    "type.googleapis.com/envoy.service.runtime.v3.Runtime";

// The DiscoveryResponse with this one resource for gateways of this region, its version_info being
// the publication's version. Nothing for another name.
//
// pool: priority 0 has the workers of the region and one endpoint for each region that its row
// sends to, weighted by the row; priority 1 the import listeners of near regions that are not in
// the row, for when all else is down. pool_local: the workers.
std::optional<std::string> discovery_response(const Publication& publication, int region,
                                              std::string_view resource);

}  // namespace zoetrope::traffic::control

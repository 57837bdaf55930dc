// What the status page shows, as JSON: GET /v1/status. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "traffic/control/manager.h"

namespace zoetrope::traffic::control {

nlohmann::json status_json(const Snapshot& snapshot, const FleetConfig& config,
                           const policy::Topology& topology, Time now);

}  // namespace zoetrope::traffic::control

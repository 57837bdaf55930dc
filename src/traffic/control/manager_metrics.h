// What the manager tells Prometheus of itself: GET /metrics, as text. Pure.
#pragma once

#include <string>

#include "traffic/control/manager.h"

namespace zoetrope::traffic::control {

std::string metrics_text(const Snapshot& snapshot, const FleetConfig& config,
                         const policy::Topology& topology, Time now);

}  // namespace zoetrope::traffic::control

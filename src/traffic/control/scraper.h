// The Fetch of production: workers and gateways over HTTP, all side by side, or a region's
// Prometheus server, which is asked for the last scrapes of all its targets in one query.
#pragma once

#include "traffic/control/fleet_config.h"
#include "traffic/control/http_client.h"
#include "traffic/control/scrape.h"

namespace zoetrope::traffic::control {

// For one thread. Reads the system's clock, to tell how old a Prometheus server's samples are.
Fetch make_fetch(const FleetConfig& config);

// The query for the last scrapes of these series.
std::string prometheus_target(const Names& series);

// Samples of a Prometheus server as scrapes of `targets`, which it calls by their address.
// `unix_now` is the time of `now` in the server's terms.
std::vector<Scrape> remembered_scrapes(const std::vector<Target>& targets,
                                       base::Result<std::string> reply, const Address& server,
                                       Time now, std::chrono::milliseconds unix_now);

}  // namespace zoetrope::traffic::control

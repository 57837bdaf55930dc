// The parts of `zoetrope traffic`, each declared under it.
#pragma once

#include "apps/command.h"

namespace zoetrope::apps {

Command add_traffic_run(CLI::App& traffic);
Command add_traffic_agent(CLI::App& traffic);
Command add_traffic_envoy(CLI::App& traffic);
Command add_traffic_allow(CLI::App& traffic);
Command add_traffic_demo(CLI::App& traffic);

}  // namespace zoetrope::apps

// The subcommands that run a fleet, in the order in which help lists them. The zoetrope binary has
// them all; zoetrope-fleet has only these.
#pragma once

#include <vector>

#include "apps/command.h"

namespace zoetrope::apps {

Command add_loadtest(CLI::App& root);
Command add_plan(CLI::App& root);
Command add_simulate(CLI::App& root);
Command add_traffic(CLI::App& root);

// Declares their flags on the tree.
std::vector<Command> add_fleet_commands(CLI::App& root);

}  // namespace zoetrope::apps

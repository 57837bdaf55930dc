#include "apps/fleet/commands.h"

namespace zoetrope::apps {

std::vector<Command> add_fleet_commands(CLI::App& root) {
  return {add_traffic(root), add_simulate(root), add_plan(root), add_loadtest(root)};
}

}  // namespace zoetrope::apps

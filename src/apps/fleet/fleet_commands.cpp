#include "apps/fleet/commands.h"

namespace zoetrope::apps {

std::vector<Command> add_fleet_commands(CLI::App&) { return {}; }

}  // namespace zoetrope::apps

// zoetrope traffic: groups what routes requests between regions.
#include "apps/fleet/traffic.h"

#include <CLI/CLI.hpp>
#include <vector>

#include "apps/exit_code.h"
#include "apps/fleet/commands.h"

namespace zoetrope::apps {

Command add_traffic(CLI::App& root) {
  CLI::App* command =
      root.add_subcommand("traffic", "Route requests between regions: the manager and its agents");
  command->require_subcommand(1);
  command->footer(
      "\n`zoetrope traffic COMMAND --help` explains each; docs/traffic.md is for operators.");
  const std::vector<Command> parts = {
      add_traffic_run(*command),   add_traffic_agent(*command), add_traffic_envoy(*command),
      add_traffic_allow(*command), add_traffic_demo(*command),
  };
  return {command, [parts] {
            for (const Command& part : parts) {
              if (part.flags->parsed()) return part.run();
            }
            return kExitUsage;
          }};
}

}  // namespace zoetrope::apps

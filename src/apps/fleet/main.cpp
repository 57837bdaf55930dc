// zoetrope-fleet: the commands that run a fleet, without LibTorch.
#include <CLI/CLI.hpp>

#include <cstdio>

#include "apps/command_line.h"
#include "apps/exit_code.h"
#include "apps/fleet/commands.h"

namespace zoetrope::apps {
namespace {

int run(int argc, char** argv) {
  CLI::App root{"Routes, simulates and plans a fleet of Zoetrope workers.", "zoetrope-fleet"};
  root.require_subcommand(1);
  root.set_config("--config", "zoetrope.toml", "Read flags from this TOML file")->group("General");
  root.set_help_flag("-h,--help", "Show this help and leave");
  root.get_formatter()->column_width(34);
  const std::vector<Command> commands = add_fleet_commands(root);
  // A section of the configuration file for another command must not select that command.
  for (const Command& command : commands) command.flags->configurable(true);
  return run_commands(root, commands, argc, argv);
}

}  // namespace
}  // namespace zoetrope::apps

int main(int argc, char** argv) {
  try {
    return zoetrope::apps::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", zoetrope::apps::program_name(), error.what());
    return zoetrope::apps::kExitFailed;
  }
}

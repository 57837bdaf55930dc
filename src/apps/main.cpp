// The zoetrope binary: builds the tree of flags, parses, runs one subcommand.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <iterator>

#include "apps/build_info.h"
#include "apps/command.h"
#include "apps/command_line.h"
#include "apps/exit_code.h"
#include "apps/fleet/commands.h"
#include "apps/train.h"
#include "ops/host_memory.h"

namespace zoetrope::apps {
namespace {

constexpr const char* kAbout =
    "Zoetrope makes pictures move: short clips from one picture and a line of text.";

constexpr const char* kFooter = R"(
Examples:
  zoetrope animate rocket.png --prompt "a rocket taking off" -o rocket.mp4
  zoetrope serve
  zoetrope inspect models/animate
  zoetrope doctor

`zoetrope COMMAND --help` explains a command. Flags may stand in zoetrope.toml
(in this folder, or given with --config), one [section] a command:
  [animate]
  steps = 20

Exit status: 0 fine, 1 failed, 2 wrong usage, 130 interrupted.)";

constexpr std::array kCommands = {add_animate, add_generate, add_serve,      add_key,
                                  add_train,   add_distill,  add_inspect,    add_bench,
                                  add_eval,    add_doctor,   add_completion, add_version};

int run(int argc, char** argv) {
  CLI::App root{kAbout, "zoetrope"};
  root.require_subcommand(1);
  root.footer(kFooter);
  root.set_config("--config", "zoetrope.toml", "Read flags from this TOML file")->group("General");
  root.set_help_flag("-h,--help", "Show this help and leave");
  root.set_version_flag("--version", version_line, "Show the version and leave");
  root.get_formatter()->column_width(34);

  std::vector<Command> commands;
  commands.reserve(kCommands.size());
  for (const auto& add : kCommands) commands.push_back(add(root));
  std::ranges::move(add_fleet_commands(root), std::back_inserter(commands));
  // A section of the configuration file for another command must not select that command.
  for (const Command& command : commands) command.flags->configurable(true);

  return run_commands(root, commands, argc, argv);
}

}  // namespace
}  // namespace zoetrope::apps

int main(int argc, char** argv) {
  zoetrope::ops::keep_freed_memory();
  int code = zoetrope::apps::kExitFailed;
  try {
    code = zoetrope::apps::run(argc, argv);
  } catch (const std::exception& error) {
    // Only a bug or an exhausted machine comes here: commands turn failures into a Status.
    std::fprintf(stderr, "%s: %s\n", zoetrope::apps::program_name(), error.what());
  }
  // Past the destructors of static objects: LibTorch takes 60 ms to unregister its operators, which
  // the kernel does not need. Everything of ours is closed when run() returns.
  std::fflush(nullptr);
  std::_Exit(code);
}

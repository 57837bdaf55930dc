// zoetrope version: what this program is and what it was built with.
#include <CLI/CLI.hpp>

#include <cstdio>
#include <memory>

#include "apps/build_info.h"
#include "apps/command.h"
#include "apps/exit_code.h"
#include "apps/json_output.h"

namespace zoetrope::apps {

Command add_version(CLI::App& root) {
  CLI::App* command = root.add_subcommand("version", "Print the version");
  const auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "Print one JSON object on stdout");
  return {command, [json] {
            if (*json) {
              const BuildInfo build = build_info();
              print_json({{"version", build.version},
                          {"build", build.build_type},
                          {"compiler", build.compiler},
                          {"libtorch", build.libtorch},
                          {"cuda", build.has_cuda}});
            } else {
              std::printf("%s\n", version_line().c_str());
            }
            return kExitFine;
          }};
}

}  // namespace zoetrope::apps

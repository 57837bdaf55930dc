// zoetrope eval: groups the parts of the quality harness.
#include "apps/eval.h"

#include <CLI/CLI.hpp>
#include <vector>

#include "apps/exit_code.h"
#include "train/prepare.h"

namespace zoetrope::apps {
namespace {

base::Status prepare_data(const std::string& data, const std::string& out,
                          const std::string& held_out_list, const base::ProgressSink& progress,
                          const base::CancelToken& cancel) {
  train::PrepareOptions options;
  options.data_folder = data;
  options.out_folder = out;
  options.held_out_list = held_out_list;
  return train::prepare(options, progress, cancel).status();
}

}  // namespace

Command add_eval(CLI::App& root) {
  CLI::App* command = root.add_subcommand("eval", "Measure the quality of clips, compare models");
  command->require_subcommand(1);
  command->footer("\n`zoetrope eval COMMAND --help` explains each.");
  const std::vector<Command> parts = {add_eval_run(*command, prepare_data), add_eval_page(*command),
                                      add_eval_report(*command)};
  return {command, [parts] {
            for (const Command& part : parts) {
              if (part.flags->parsed()) return part.run();
            }
            return kExitUsage;
          }};
}

}  // namespace zoetrope::apps

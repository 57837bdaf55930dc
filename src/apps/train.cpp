// zoetrope train: groups the steps of training a model of one's own.
#include "apps/train.h"

#include <CLI/CLI.hpp>
#include <vector>

#include "apps/exit_code.h"

namespace zoetrope::apps {
namespace {

constexpr const char* kFooter = R"(
A model in three steps:
  zoetrope train prepare examples/stickers -o run/data
  zoetrope train autoencoder run/data -o run/autoencoder
  zoetrope train unet run/data --autoencoder run/autoencoder/vae -o run/unet

Each may be interrupted (Ctrl-C) and started again with the same flags.)";

}  // namespace

Command add_train(CLI::App& root) {
  CLI::App* command = root.add_subcommand("train", "Train a model on your own clips");
  command->require_subcommand(1);
  command->footer(kFooter);
  const std::vector<Command> steps = {add_train_prepare(*command), add_train_autoencoder(*command),
                                      add_train_unet(*command)};
  return {command, [steps] {
            for (const Command& step : steps) {
              if (step.flags->parsed()) return step.run();
            }
            return kExitUsage;
          }};
}

}  // namespace zoetrope::apps

// zoetrope-train: the two training commands alone, for machines that have a GPU and LibTorch but no
// FFmpeg and no ICU. The data set is prepared elsewhere with `zoetrope train prepare`.
#include <CLI/CLI.hpp>

#include "apps/exit_code.h"
#include "apps/flags.h"
#include "apps/train.h"

int main(int argc, char** argv) {
  using namespace zoetrope::apps;
  CLI::App root{"Trains Zoetrope's networks on prepared data.", "zoetrope-train"};
  root.require_subcommand(1);
  const Command commands[] = {add_train_autoencoder(root), add_train_unet(root)};
  try {
    root.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return report_parse_error(root, error, argc, argv);
  }
  for (const Command& command : commands) {
    if (command.flags->parsed()) return command.run();
  }
  return kExitUsage;
}

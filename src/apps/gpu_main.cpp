// zoetrope-gpu: training, benchmark and quality comparison alone, for machines that have a GPU and
// LibTorch but no FFmpeg. The data set is prepared elsewhere with `zoetrope train prepare`.
#include <CLI/CLI.hpp>

#include "apps/command_line.h"
#include "apps/eval.h"
#include "apps/train.h"

int main(int argc, char** argv) {
  using namespace zoetrope::apps;
  CLI::App root{"Trains, times and compares Zoetrope's networks on a bare GPU machine.",
                "zoetrope-gpu"};
  root.require_subcommand(1);
  CLI::App* eval = root.add_subcommand("eval", "Measure the quality of clips");
  eval->require_subcommand(1);
  const std::vector<Command> commands = {
      add_train_autoencoder(root),  add_train_unet(root), add_distill(root), add_bench(root),
      add_eval_run(*eval, nullptr), add_eval_page(*eval)};
  return run_commands(root, commands, argc, argv);
}

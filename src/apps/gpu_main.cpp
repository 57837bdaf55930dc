// zoetrope-gpu: for machines that have a GPU and LibTorch but no FFmpeg: pictures and WebP clips,
// training, benchmark and quality comparison. The data set is prepared elsewhere with
// `zoetrope train prepare`.
#include <CLI/CLI.hpp>

#include "apps/command_line.h"
#include "apps/eval.h"
#include "apps/train.h"

int main(int argc, char** argv) {
  using namespace zoetrope::apps;
  CLI::App root{"Runs, trains, times and compares models on a bare GPU machine.", "zoetrope-gpu"};
  root.require_subcommand(1);
  CLI::App* eval = root.add_subcommand("eval", "Measure the quality of clips");
  eval->require_subcommand(1);
  const std::vector<Command> commands = {
      add_generate(root),           add_inspect(root),    add_bench(root),
      add_train_autoencoder(root),  add_train_unet(root), add_distill(root),
      add_eval_run(*eval, nullptr), add_eval_page(*eval)};
  return run_commands(root, commands, argc, argv);
}

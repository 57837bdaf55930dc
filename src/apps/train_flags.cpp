#include "apps/train_flags.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "apps/exit_code.h"
#include "apps/interrupt.h"
#include "apps/progress_view.h"
#include "tensor/device.h"

namespace zoetrope::apps {

void add_train_flags(CLI::App& command, TrainFlags& flags) {
  train::LoopOptions& loop = flags.loop;
  command.add_option("DATA", flags.data, "Folder made by `zoetrope train prepare`")->required();
  command
      .add_option("-o,--out", loop.folder,
                  "Folder of the run: checkpoints, log, pictures; a run "
                  "that is there already is continued")
      ->required()
      ->type_name("DIR");
  command.add_option("--steps", loop.steps, "Optimiser steps in all")->capture_default_str();
  command.add_option("--batch", flags.batch, "Examples a step")->capture_default_str();
  command.add_option("--learning-rate", loop.learning_rate, "Peak learning rate (AdamW)")
      ->capture_default_str();
  command.add_option("--warm-up", loop.warm_up_steps, "Steps to reach it; then a cosine")
      ->capture_default_str();
  command.add_option("--ema", loop.ema_decay, "Decay of the averaged weights")
      ->capture_default_str();
  command.add_option("--seed", loop.seed, "Seed of initial weights, order and noise")
      ->capture_default_str();
  command.add_option("--report-every", loop.report_every, "Steps between log lines")
      ->capture_default_str();
  command
      .add_option("--validate-every", loop.validate_every,
                  "Steps between figures and pictures on held-out data")
      ->capture_default_str();
  command.add_option("--save-every", loop.save_every, "Steps between checkpoints")
      ->capture_default_str();
  command
      .add_option("--max-seconds", loop.max_seconds,
                  "Save and leave after this long; run again to go on (0: no limit)")
      ->capture_default_str();
  command.add_option("--device", flags.device, "auto, cpu, cuda or cuda:N")->capture_default_str();
  command.add_option("--dtype", flags.dtype, "auto, fp32 or bf16; master weights are always fp32")
      ->capture_default_str();
}

base::Result<TrainTarget> train_target(const TrainFlags& flags) {
  ZT_ASSIGN_OR_RETURN(const at::Device device, tensor::parse_device(flags.device));
  if (flags.dtype != "auto") {
    ZT_ASSIGN_OR_RETURN(const at::ScalarType dtype, tensor::parse_dtype(flags.dtype));
    return TrainTarget{device, dtype};
  }
  // On a CPU the backward kernels of bf16 are no faster than fp32's.
  return TrainTarget{device, device.is_cuda() ? at::kBFloat16 : at::kFloat};
}

int run_training_command(const TrainFlags& flags, const TrainBody& body) {
  const InterruptGuard interrupt;
  const auto view = make_progress_view(ProgressStyle::kAuto);
  try {
    const auto print = [](const std::string& line) {
      std::fprintf(stdout, "%s\n", line.c_str());
      std::fflush(stdout);
    };
    const train::LoopOutcome outcome = body(
        print, [&](const base::Progress& p) { view->update(p); }, interrupt.token());
    view->finish(outcome.finished
                     ? fmt::format("trained {} steps: {}", outcome.step, flags.loop.folder)
                     : fmt::format("stopped at step {} of {}; run again to go on", outcome.step,
                                   flags.loop.steps));
    return kExitFine;
  } catch (const base::Error& error) {
    view->finish("");
    return fail(error.status(), Output::kText);
  }
}

}  // namespace zoetrope::apps

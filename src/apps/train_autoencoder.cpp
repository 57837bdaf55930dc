// zoetrope train autoencoder: pictures to latents and back.
#include <ATen/ATen.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "apps/exit_code.h"
#include "apps/train.h"
#include "apps/train_flags.h"
#include "train/autoencoder_trainer.h"

namespace zoetrope::apps {

Command add_train_autoencoder(CLI::App& parent) {
  CLI::App* command = parent.add_subcommand(
      "autoencoder", "Train the autoencoder; writes OUT/vae in the diffusers layout");
  const auto flags = std::make_shared<TrainFlags>();
  const train::AutoencoderTraining defaults;
  flags->loop = defaults.loop;
  flags->loop.steps = 12000;
  add_train_flags(*command, *flags);
  return {command, [flags] {
            const auto target = train_target(*flags);
            if (!target.ok()) return fail_usage(target.status(), Output::kText);
            auto data = train::TrainingData::open(flags->data);
            if (!data.ok()) return fail(data.status(), Output::kText);
            train::AutoencoderTraining options;
            options.loop = flags->loop;
            options.model = train::bundled_autoencoder();
            options.batch = flags->batch;
            options.device = target->device;
            options.dtype = target->dtype;
            return run_training_command(
                *flags, [&](const auto& print, const auto& progress, const auto& cancel) {
                  return train::train_autoencoder(options, *data, print, progress, cancel);
                });
          }};
}

}  // namespace zoetrope::apps

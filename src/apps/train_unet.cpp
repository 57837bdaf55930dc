// zoetrope train unet: text encoder and U-Net on the latents of a trained autoencoder.
#include <ATen/ATen.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "apps/exit_code.h"
#include "apps/train.h"
#include "apps/train_flags.h"
#include "train/animate_trainer.h"
#include "train/teacher.h"

namespace zoetrope::apps {

Command add_train_unet(CLI::App& parent) {
  CLI::App* command = parent.add_subcommand(
      "unet", "Train text encoder and U-Net together; writes OUT/unet and OUT/text_encoder");
  const auto flags = std::make_shared<TrainFlags>();
  const auto options = std::make_shared<train::AnimateTraining>();
  const auto autoencoder = std::make_shared<std::string>();
  flags->loop = options->loop;
  flags->loop.steps = 12000;
  add_train_flags(*command, *flags);
  command
      ->add_option("--autoencoder", *autoencoder,
                   "Folder of a trained autoencoder (OUT/vae of "
                   "`train autoencoder`)")
      ->required()
      ->type_name("DIR");
  command
      ->add_option("--init", options->initial_folder,
                   "Start from the unet/ and text_encoder/ of this model folder")
      ->type_name("DIR");
  command
      ->add_option("--versions", options->cache.versions,
                   "Encoded versions a clip: plain, mirrored, then randomly changed")
      ->capture_default_str();
  command
      ->add_option("--still-share", options->still_share,
                   "Share of a batch that is made from stills: sway, bounce, squash")
      ->capture_default_str();
  command
      ->add_option("--time-shift", options->time_shift, "Above 1 moves training towards high noise")
      ->capture_default_str();
  return {command, [=] {
            const auto target = train_target(*flags);
            if (!target.ok()) return fail_usage(target.status(), Output::kText);
            auto data = train::TrainingData::open(flags->data);
            if (!data.ok()) return fail(data.status(), Output::kText);
            options->loop = flags->loop;
            options->batch = flags->batch;
            options->device = target->device;
            options->dtype = options->cache.dtype = target->dtype;
            options->unet = train::bundled_unet();
            options->text = train::bundled_text_encoder(data->vocabulary);
            return run_training_command(
                *flags, [&](const auto& print, const auto& progress, const auto& cancel) {
                  const auto network =
                      train::load_autoencoder(*autoencoder, target->dtype, target->device);
                  return train::train_animate(*options, *data, network, print, progress, cancel);
                });
          }};
}

}  // namespace zoetrope::apps

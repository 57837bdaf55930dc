// Trains the autoencoder on single frames and stills.
#pragma once

#include <cstdint>

#include "models/autoencoder_kl/config.h"
#include "train/train_loop.h"
#include "train/training_data.h"

namespace zoetrope::train {

struct AutoencoderTraining {
  LoopOptions loop = [] {
    LoopOptions o;
    o.learning_rate = 6e-4;
    return o;
  }();
  models::AutoencoderKlConfig model;
  int64_t batch = 64;
  double still_share = 0.25;  // of a batch that is stills
  double ssim_weight = 0.15;
  double gradient_weight = 0.25;
  double kl_weight = 1e-4;
  at::Device device = at::kCPU;
  at::ScalarType dtype = at::kFloat;
};

// The small autoencoder of the bundled model: 4x downscale, 4 channels, 1.8 M parameters.
models::AutoencoderKlConfig bundled_autoencoder();

// Trains, then writes loop.folder/vae (diffusers layout) with per-channel latent statistics, from
// the EMA weights. Resumes by itself.
LoopOutcome train_autoencoder(const AutoencoderTraining& options, const TrainingData& data,
                              const std::function<void(const std::string&)>& print,
                              const base::ProgressSink& progress, const base::CancelToken& cancel);

}  // namespace zoetrope::train

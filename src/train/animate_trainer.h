// Trains the text encoder and the U-Net together on cached latents: v-prediction on the continuous
// cosine schedule alpha = cos(pi t / 2), sigma = sin(pi t / 2), which ends at zero signal.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "models/animate_unet/config.h"
#include "models/autoencoder_kl/autoencoder_kl.h"
#include "models/clip_text/clip_text.h"
#include "train/latent_cache.h"
#include "train/train_loop.h"
#include "train/training_data.h"

namespace zoetrope::train {

struct AnimateTraining {
  LoopOptions loop = [] {
    LoopOptions o;
    o.learning_rate = 9e-4;
    o.warm_up_steps = 300;
    return o;
  }();
  models::AnimateUnetConfig unet;
  models::ClipTextConfig text;
  std::string initial_folder;  // start from these weights (unet/, text_encoder/); may be empty
  int64_t batch = 64;
  LatentCacheOptions cache;
  double still_share = 0.35;  // of a batch that is made from stills
  double time_shift = 1.5;    // t' = s t / (1 + (s - 1) t): more steps at high noise
  double drop_text = 0.05;    // shares of the batch trained without a condition
  double drop_image = 0.05;
  double drop_both = 0.05;
  double drop_motion = 0.3;
  at::Device device = at::kCPU;
  at::ScalarType dtype = at::kFloat;
};

// The networks of the bundled model.
models::AnimateUnetConfig bundled_unet();
models::ClipTextConfig bundled_text_encoder(int64_t vocabulary);

// Trains, then writes loop.folder/unet and loop.folder/text_encoder from the EMA weights. Resumes
// by itself.
LoopOutcome train_animate(const AnimateTraining& options, const TrainingData& data,
                          const models::AutoencoderKl& autoencoder,
                          const std::function<void(const std::string&)>& print,
                          const base::ProgressSink& progress, const base::CancelToken& cancel);

}  // namespace zoetrope::train

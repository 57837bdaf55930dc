// The clips a U-Net is trained on: encoded once in several versions, drawn at random with their
// prompts, and handed out as batches of latents.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>

#include "models/autoencoder_kl/autoencoder_kl.h"
#include "train/clip_sampler.h"
#include "train/latent_cache.h"
#include "train/training_data.h"

namespace zoetrope::train {

class TrainingClips {
 public:
  struct Options {
    LatentCacheOptions cache;
    double still_share = 0.0;  // of the draws that are clips made from stills
    at::Device device = at::kCPU;
    std::string cache_file;  // keeps the latents; empty: encodes at every start
  };
  TrainingClips(const TrainingData& data, const models::AutoencoderKl& autoencoder,
                const Options& options);

  // One draw. Clips loop, so any frame may be the first, in either direction.
  struct Pick {
    int64_t clip, first_frame, direction;  // direction: 1 or -1
    int64_t prompt;
    float motion;  // motion_strength, in [0, 1]
  };
  // `uniform(i)`: the draw's i-th number in (0, 1), 0 <= i < 8.
  Pick pick(const std::function<double(uint64_t)>& uniform) const;

  // int64 [b, 3]: clip, first_frame, direction -> fp32 latents [b, f, h, w, c].
  at::Tensor latents(const at::Tensor& picks) const;
  // int64 [b] -> token ids [b, l]. Prompt 0 is the empty one.
  at::Tensor prompts(const at::Tensor& which) const;

  // [f, h, w, c] of every clip.
  at::IntArrayRef clip_shape() const { return cache_.latents.sizes().slice(2); }

 private:
  ClipSampler sampler_;
  at::Tensor prompts_;  // int64 [rows, l]
  LatentCache cache_;
};

// The held-out clips as they are, and what belongs to them; nothing where nothing is held out.
struct HeldOutClips {
  HeldOutClips(const TrainingData& data, const models::AutoencoderKl& autoencoder,
               at::ScalarType dtype, at::Device device);
  bool empty() const { return !latents.defined(); }
  // Clip numbers spread evenly: the clips lie sorted by concept. int64 [min(count, n)].
  at::Tensor spread(int64_t count) const;

  at::Tensor latents;       // fp32 [n, f, h, w, c]
  at::Tensor motion;        // fp32 [n]
  at::Tensor prompts;       // int64 [n, l]
  at::Tensor empty_prompt;  // int64 [l]
  at::Tensor pixels;        // u8 [n, f, H, W, 3] on the CPU
};

}  // namespace zoetrope::train

// The two networks that are trained together, built on one set of parameters with the prefixes
// "unet." and "text_encoder.".
#pragma once

#include "models/animate_unet/network.h"
#include "models/clip_text/clip_text.h"
#include "weights/parameters.h"

namespace zoetrope::train {

struct AnimateNetworks {
  AnimateNetworks(weights::ParameterSource& source, const models::AnimateUnetConfig& unet_config,
                  const models::ClipTextConfig& text_config)
      : unet(unet_config, weights::Scope(source, "unet")),
        text(weights::Scope(source, "text_encoder"), text_config) {}

  // What a training batch or a sampler knows of its clips.
  struct Condition {
    at::Tensor prompts;      // int64 [b, l]
    at::Tensor first_frame;  // [b, h, w, c] normalised latents, zeros where dropped
    at::Tensor motion;       // [b] in [0, 1]; negative = not given
    at::Tensor guidance;     // [b, 2] image and text scale; only for a student that takes them
  };
  models::AnimateUnet::Conditioning condition(const Condition& c, int64_t frames,
                                              at::ScalarType dtype) const;
  // v-prediction in fp32. noisy fp32 [b, f, h, w, c], t [b] in [0, 1].
  at::Tensor predict(const at::Tensor& noisy, const at::Tensor& t,
                     const models::AnimateUnet::Conditioning& conditioning,
                     at::ScalarType dtype) const;

  models::AnimateUnet unet;
  models::ClipText text;
};

// Scales between the trained intervals and the sinusoidal embeddings' range.
inline constexpr double kTimestepScale = 1000.0;
inline constexpr double kMotionScale = 100.0;

}  // namespace zoetrope::train

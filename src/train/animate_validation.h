// What a U-Net in training is judged by: its v error on held-out clips at fixed noise, and pictures
// of clips it makes for them.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>

#include "models/autoencoder_kl/autoencoder_kl.h"
#include "train/animate_networks.h"
#include "train/latent_cache.h"
#include "train/training_data.h"

namespace zoetrope::train {

class AnimateValidation {
 public:
  // `empty_prompt` [l] on the training device. `cache` holds the held-out clips (one version) or
  // nothing. The autoencoder must outlive this.
  AnimateValidation(const TrainingData& data, const at::Tensor& empty_prompt, LatentCache cache,
                    const models::AutoencoderKl& autoencoder, at::ScalarType dtype);

  // Figures by name; writes `path`_clips.png: rows of eight frames, truth above sample. Runs in the
  // caller's inference mode.
  std::map<std::string, double> run(const AnimateNetworks& networks, const std::string& path) const;

 private:
  double v_error(const AnimateNetworks& networks) const;
  void write_clips(const AnimateNetworks& networks, const std::string& path) const;

  at::Tensor prompts_;       // [n, l]
  at::Tensor empty_prompt_;  // [l]
  at::Tensor latents_;       // [n, f, h, w, c]
  at::Tensor truth_;         // u8 [k, f, H, W, 3] of the clips shown
  const models::AutoencoderKl& autoencoder_;
  at::ScalarType dtype_;
};

}  // namespace zoetrope::train

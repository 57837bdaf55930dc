// What a U-Net in training is judged by: its v error on held-out clips at fixed noise, and pictures
// of clips it makes for them.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>

#include "models/autoencoder_kl/autoencoder_kl.h"
#include "train/animate_networks.h"
#include "train/training_clips.h"

namespace zoetrope::train {

class AnimateValidation {
 public:
  // Both must outlive this.
  AnimateValidation(const HeldOutClips& clips, const models::AutoencoderKl& autoencoder,
                    at::ScalarType dtype)
      : clips_(clips), autoencoder_(autoencoder), dtype_(dtype) {}

  // Figures by name; writes `path`_clips.png: rows of eight frames, truth above sample. Runs in the
  // caller's inference mode.
  std::map<std::string, double> run(const AnimateNetworks& networks, const std::string& path) const;

 private:
  double v_error(const AnimateNetworks& networks) const;
  void write_clips(const AnimateNetworks& networks, const std::string& path) const;

  const HeldOutClips& clips_;
  const models::AutoencoderKl& autoencoder_;
  at::ScalarType dtype_;
};

}  // namespace zoetrope::train

// What the autoencoder's encoder sees in a clip: the ground of the perceptual distance and of the
// features of the video Fréchet distance. Our own networks stand in for the ones these figures are
// usually computed with (VGG or AlexNet, I3D), so the figures compare within Zoetrope only.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <filesystem>
#include <vector>

#include "base/result.h"
#include "models/autoencoder_kl/autoencoder_kl.h"

namespace zoetrope::eval {

struct EncodedClip {
  std::vector<at::Tensor> layers;  // fp32 [f, h', w', c'] after each level and the middle block
  at::Tensor latents;              // fp32 [f, h', w', c], at the denoiser's scale
};

// fp32 on one device. One thread at a time.
class ClipEncoder {
 public:
  // The vae/ of a model folder. Errors name the file.
  static base::Result<ClipEncoder> open(const std::filesystem::path& model_folder,
                                        at::Device device);

  // clip u8 [f, h, w, 3] of any device.
  EncodedClip encode(const at::Tensor& clip) const;
  // Through the decoder again, u8 on the CPU: the best the model could do.
  at::Tensor decode(const at::Tensor& latents) const;

 private:
  ClipEncoder(models::AutoencoderKl network, at::Device device)
      : network_(std::move(network)), device_(device) {}

  models::AutoencoderKl network_;
  at::Device device_;
};

// LPIPS's form (Zhang, Isola, Efros, Shechtman, Wang, "The unreasonable effectiveness of deep
// features as a perceptual metric" (2018), equation 1, its unweighted variant) on the encoder's
// features: activations scaled to length 1 at every position, squared difference, mean over
// positions and over frames from 1 on (frame 0 is given), sum over layers.
double perceptual_distance(const EncodedClip& a, const EncodedClip& b);

// fp64 [d] on the CPU: latents averaged over a 4 x 4 grid, then in time their standard deviation,
// mean absolute step, five lowest Fourier amplitudes (averaged over the grid) and mean. For four
// latent channels d = 64 + 64 + 20 + 64 = 212.
at::Tensor motion_and_appearance(const at::Tensor& latents);

// The space Fréchet distances are measured in: features standardised by a fitting set and projected
// on its principal components.
class FeatureSpace {
 public:
  // rows fp64 [n, d], n >= 2; at most n - 1 components.
  FeatureSpace(const at::Tensor& rows, int64_t components);
  // [n, d] -> [n, components]
  at::Tensor project(const at::Tensor& rows) const;
  int64_t components() const { return basis_.size(1); }

 private:
  at::Tensor mean_, scale_;  // [d]
  at::Tensor basis_;         // [d, components]
};

}  // namespace zoetrope::eval

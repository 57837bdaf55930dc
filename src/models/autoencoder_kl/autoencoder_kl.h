// AutoencoderKL: pictures to a small Gaussian latent and back (Rombach et al., "High-resolution
// image synthesis with latent diffusion models"; diffusers models/autoencoders/autoencoder_kl.py).
//
// Parameters keep diffusers' names, so its checkpoints load as they are. Immutable after
// construction; any thread may call it. Differentiable: gradients reach the parameters and the
// inputs. Work is done, and results come, in the parameters' dtype.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "models/autoencoder_kl/blocks.h"
#include "models/autoencoder_kl/config.h"
#include "nn/conv.h"
#include "nn/norm.h"
#include "nn/tiles.h"
#include "weights/parameters.h"

namespace zoetrope::models {

// Convolution, levels that halve the picture, mid block.
// [n, h, w, in_channels] -> [n, h / d, w / d, 2 * latent_channels]
class AutoencoderEncoder {
 public:
  AutoencoderEncoder(const weights::Scope& scope, const AutoencoderKlConfig& config);
  at::Tensor operator()(const at::Tensor& images) const;
  at::ScalarType dtype() const { return conv_in_.dtype(); }

 private:
  struct Level {
    std::vector<AutoencoderResnet> resnets;
    std::optional<nn::Conv2d> downsample;  // absent on the last level
  };
  std::string path_;
  nn::Conv2d conv_in_;
  std::vector<Level> levels_;
  AutoencoderMidBlock mid_;
  nn::GroupNorm norm_out_;
  nn::Conv2d conv_out_;
};

// The way back. [n, h, w, latent_channels] -> [n, h * d, w * d, out_channels]
class AutoencoderDecoder {
 public:
  AutoencoderDecoder(const weights::Scope& scope, const AutoencoderKlConfig& config);
  at::Tensor operator()(const at::Tensor& latents) const;

 private:
  struct Level {
    std::vector<AutoencoderResnet> resnets;
    std::optional<nn::Conv2d> upsample;  // absent on the last level
  };
  std::string path_;
  nn::Conv2d conv_in_;
  AutoencoderMidBlock mid_;
  std::vector<Level> levels_;
  nn::GroupNorm norm_out_;
  nn::Conv2d conv_out_;
};

class AutoencoderKl {
 public:
  AutoencoderKl(const weights::Scope& scope, const AutoencoderKlConfig& config);

  // A Gaussian a latent element; logvar is clamped to [-30, 20]. [n, h / d, w / d, latent] each
  struct Moments {
    at::Tensor mean;
    at::Tensor logvar;
  };
  // images [n, h, w, in_channels] in [-1, 1]; sides that d = config().downscale() does not divide
  // lose their last pixels, as in diffusers.
  Moments encode(const at::Tensor& images) const;
  // latents [n, h, w, latent], as encode gives them -> images [n, h * d, w * d, out_channels],
  // roughly in [-1, 1]. Peak memory grows with n: give it few frames at a time.
  at::Tensor decode(const at::Tensor& latents) const;
  // The same in overlapping squares, as in diffusers' tiled_decode (nn/tiles.h). Each is normalised
  // by itself.
  at::Tensor decode(const at::Tensor& latents, const nn::Tiling& tiling) const;

  // To a denoiser's scale: (z - mean) * scaling_factor / std, and back. Any shape ending in the
  // latent channels; computed in fp32, result fp32.
  at::Tensor normalise(const at::Tensor& latents) const;
  at::Tensor denormalise(const at::Tensor& latents) const;

  const AutoencoderKlConfig& config() const { return config_; }

 private:
  AutoencoderKlConfig config_;
  AutoencoderEncoder encoder_;
  AutoencoderDecoder decoder_;
  std::optional<nn::Conv2d> quant_, post_quant_;
  at::Tensor latents_mean_, latents_scale_;  // fp32 [latent]
};

}  // namespace zoetrope::models

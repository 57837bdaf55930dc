// The parts that the autoencoder's encoder and decoder share. Names follow diffusers'
// ResnetBlock2D, UNetMidBlock2D and Attention (models/unets/unet_2d_blocks.py). Immutable after
// construction.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

#include "models/autoencoder_kl/config.h"
#include "nn/biased_attention.h"
#include "nn/conv.h"
#include "nn/norm.h"
#include "weights/parameters.h"

namespace zoetrope::models {

inline constexpr double kAutoencoderNormEps = 1e-6;

// x + conv(norm(conv(norm(x)))), both norms followed by SiLU; a 1x1 convolution on the shortcut
// where the width changes. [n, h, w, in] -> [n, h, w, out]
class AutoencoderResnet {
 public:
  AutoencoderResnet(const weights::Scope& scope, int64_t in, int64_t out, int64_t groups);
  at::Tensor operator()(const at::Tensor& x) const;

 private:
  nn::GroupNorm norm1_;
  nn::Conv2d conv1_;
  nn::GroupNorm norm2_;
  nn::Conv2d conv2_;
  std::optional<nn::Conv2d> shortcut_;
};

// One head over all pixels, as a residual. [n, h, w, c] -> [n, h, w, c]
class AutoencoderAttention {
 public:
  AutoencoderAttention(const weights::Scope& scope, int64_t channels, int64_t groups);
  at::Tensor operator()(const at::Tensor& x) const;

 private:
  nn::GroupNorm norm_;
  nn::BiasedSelfAttention attention_;
};

// Resnet, attention if the configuration asks for it, resnet, at the coarsest level.
class AutoencoderMidBlock {
 public:
  AutoencoderMidBlock(const weights::Scope& scope, const AutoencoderKlConfig& config);
  at::Tensor operator()(const at::Tensor& x) const;

 private:
  AutoencoderResnet first_;
  std::optional<AutoencoderAttention> attention_;
  AutoencoderResnet second_;
};

}  // namespace zoetrope::models

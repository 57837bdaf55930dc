// The parts that the encoder and the decoder of Wan's autoencoder share, with the names of
// diffusers' models/autoencoders/autoencoder_kl_wan.py. All take a chunk of a clip,
// [b, f, h, w, c], and what the chunks before it left in the cache. Immutable after construction;
// any thread may call them, each clip with a cache of its own.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "nn/causal_conv.h"
#include "nn/conv.h"
#include "weights/parameters.h"

namespace zoetrope::models {

inline constexpr nn::CausalConv3d::Options kWanConv{};
inline constexpr nn::CausalConv3d::Options kWanPointwise{.kernel = {1, 1, 1}};

// Root mean square norm over the channels of each pixel, with the parameter `gamma`.
class WanNorm {
 public:
  // `trailing`: how many dimensions of size 1 follow gamma's channels in the checkpoint.
  WanNorm(const weights::Scope& scope, int64_t channels, int64_t trailing = 3);
  at::Tensor operator()(const at::Tensor& x) const;  // [..., c]
  // For a convolution of its silu.
  ops::CausalConvFusion fusion(const at::Tensor& residual) const;

 private:
  at::Tensor gamma_;  // [c]
};

// The end of encoder and decoder, and half of a residual block: convolution of silu(norm(x)).
class WanNormedConv {
 public:
  WanNormedConv(const weights::Scope& scope, std::string_view norm, std::string_view conv,
                int64_t in, int64_t out);
  // residual, of the result's shape, is added to it; it may be undefined.
  at::Tensor operator()(const at::Tensor& x, nn::FrameCache& cache,
                        const at::Tensor& residual = {}) const;

 private:
  WanNorm norm_;
  nn::CausalConv3d conv_;
};

class WanResidualBlock {
 public:
  WanResidualBlock(const weights::Scope& scope, int64_t in, int64_t out);
  at::Tensor operator()(const at::Tensor& x, nn::FrameCache& cache) const;

 private:
  WanNormedConv first_, second_;
  std::optional<nn::CausalConv3d> shortcut_;
};

// One head over the pixels of each frame, as a residual.
class WanPixelAttention {
 public:
  WanPixelAttention(const weights::Scope& scope, int64_t channels);
  at::Tensor operator()(const at::Tensor& x) const;

 private:
  WanNorm norm_;
  nn::Conv2d qkv_, proj_;
};

class WanMidBlock {
 public:
  WanMidBlock(const weights::Scope& scope, int64_t channels);
  at::Tensor operator()(const at::Tensor& x, nn::FrameCache& cache) const;

 private:
  WanResidualBlock first_;
  WanPixelAttention attention_;
  WanResidualBlock second_;
};

// Half the height and width; of all frames but the clip's first, half the frames too if `temporal`.
class WanDownsample {
 public:
  WanDownsample(const weights::Scope& scope, int64_t channels, bool temporal);
  at::Tensor operator()(const at::Tensor& x, nn::FrameCache& cache) const;

 private:
  nn::Conv2d conv_;
  std::optional<nn::CausalConv3d> time_conv_;
};

// The way back: [b, f, h, w, c] -> [b, f or 2f, 2h, 2w, c / 2]
class WanUpsample {
 public:
  WanUpsample(const weights::Scope& scope, int64_t channels, bool temporal);
  at::Tensor operator()(const at::Tensor& x, nn::FrameCache& cache) const;

 private:
  nn::Conv2d conv_;
  std::optional<nn::CausalConv3d> time_conv_;
};

}  // namespace zoetrope::models

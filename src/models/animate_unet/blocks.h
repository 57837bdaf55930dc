// Building blocks of the image-to-video U-Net, named as in diffusers (unet_3d_blocks.py,
// resnet.py: TemporalConvLayer, transformer_2d.py, transformer_temporal.py). Activations are
// [b, f, h, w, c]; every block maps that shape to itself, but for the channels of ResnetBlock.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "models/animate_unet/config.h"
#include "nn/attention.h"
#include "nn/conv.h"
#include "nn/feed_forward.h"
#include "nn/linear.h"
#include "nn/norm.h"
#include "weights/parameters.h"

namespace zoetrope::models {

// Two convolutions within each frame, told the noise level (diffusers: ResnetBlock2D).
class ResnetBlock {
 public:
  ResnetBlock(const weights::Scope& scope, int64_t in, int64_t out,
              const AnimateUnetConfig& config);
  // embedding [b, e] after SiLU.
  at::Tensor operator()(const at::Tensor& x, const at::Tensor& embedding) const;

 private:
  bool scale_shift_;
  nn::GroupNorm norm1_;
  nn::Conv2d conv1_;
  nn::Linear time_emb_proj_;
  nn::GroupNorm norm2_;
  nn::Conv2d conv2_;
  std::optional<nn::Conv2d> conv_shortcut_;
};

// A residual chain of convolutions over three frames (diffusers: TemporalConvLayer).
class TemporalConvBlock {
 public:
  TemporalConvBlock(const weights::Scope& scope, int64_t channels, const AnimateUnetConfig& config);
  at::Tensor operator()(const at::Tensor& x) const;

 private:
  struct Layer {
    nn::GroupNorm norm;  // over the whole clip, then SiLU
    nn::TemporalConv conv;
  };
  std::vector<Layer> layers_;
};

// The optional norm and linear layer before a transformer's blocks, the one after them and the
// residual around them all.
class TransformerShell {
 public:
  // `inner` is the width between the two projections.
  TransformerShell(const weights::Scope& scope, int64_t channels, int64_t inner,
                   const AnimateUnetConfig& config);
  // x [n, ..., c], normalised per n.
  at::Tensor enter(const at::Tensor& x) const;
  at::Tensor leave(const at::Tensor& inner, const at::Tensor& residual) const;

 private:
  struct Projections {
    nn::GroupNorm norm;
    nn::Linear in, out;
  };
  std::optional<Projections> projections_;  // without them both ends are the identity
};

// Attention within each frame, attention to the context, feed-forward (Transformer2DModel).
class SpatialTransformer {
 public:
  // `positions` = tokens a frame at this level, for the learnt table; 0 = no table.
  SpatialTransformer(const weights::Scope& scope, int64_t channels, int64_t positions,
                     const AnimateUnetConfig& config);
  nn::KeyValue project_context(const at::Tensor& context) const;  // [b, n, cross_attention_dim]
  at::Tensor operator()(const at::Tensor& x, const nn::KeyValue& context) const;

 private:
  SpatialTransformer(const weights::Scope& scope, const weights::Scope& block, int64_t channels,
                     int64_t positions, const AnimateUnetConfig& config);
  at::Tensor add_self_attention(const at::Tensor& x, int64_t frames) const;  // [b*f, h*w, c]

  TransformerShell shell_;
  nn::LayerNorm norm1_;
  nn::SelfAttentionProjections attn1_;
  at::Tensor position_;            // [h*w, c] or undefined
  at::Tensor first_frame_marker_;  // [heads, d] or undefined
  nn::LayerNorm norm2_;
  nn::CrossAttention attn2_;
  nn::LayerNorm norm3_;
  nn::GegluFeedForward ff_;
};

// Attention among the frames at every position (TransformerTemporalModel).
class TemporalTransformer {
 public:
  TemporalTransformer(const weights::Scope& scope, int64_t channels, nn::HeadLayout heads,
                      const AnimateUnetConfig& config);
  at::Tensor operator()(const at::Tensor& x) const;

 private:
  TemporalTransformer(const weights::Scope& scope, const weights::Scope& block, int64_t channels,
                      nn::HeadLayout heads, const AnimateUnetConfig& config);

  struct Attention {
    nn::LayerNorm norm;
    nn::SelfAttentionProjections projections;
  };
  TransformerShell shell_;
  std::vector<Attention> attentions_;
  at::Tensor position_;  // [f, 1, c] or undefined; seen by the first attention
  nn::LayerNorm norm3_;
  nn::GegluFeedForward ff_;
};

}  // namespace zoetrope::models

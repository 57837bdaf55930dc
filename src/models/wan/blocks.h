// The parts of Wan's transformer, with the names of diffusers' models/transformers/
// transformer_wan.py. c is the network's width, n its tokens (patches), m those of a context.
// Immutable after construction; any thread may call them.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <optional>

#include "models/wan/config.h"
#include "nn/attention.h"
#include "nn/feed_forward.h"
#include "nn/joint_heads.h"
#include "nn/linear.h"
#include "nn/norm.h"
#include "nn/rotary.h"
#include "ops/linear.h"
#include "weights/parameters.h"

namespace zoetrope::models {

// A convolution whose stride is its kernel: patches of the clip are tokens, row by row.
class WanPatchEmbedding {
 public:
  WanPatchEmbedding(const weights::Scope& scope, const WanConfig& config);
  // clip [b, f, h, w, in_channels], sizes as counts() takes them -> [b, n, c]
  at::Tensor operator()(const at::Tensor& clip) const;
  // Patches along each axis. Throws base::Error naming the size that the patch does not divide.
  std::array<int64_t, 3> counts(int64_t frames, int64_t height, int64_t width) const;
  at::TensorOptions options() const { return weight_.weight.options(); }

 private:
  std::array<int64_t, 3> patch_;
  ops::LinearWeight weight_;
};

// CLIP's tokens to the network's width, each with a position where the checkpoint has some.
class WanImageEmbedding {
 public:
  WanImageEmbedding(const weights::Scope& scope, const WanConfig& config);
  at::Tensor operator()(const at::Tensor& tokens) const;  // [b, m, image_dim] -> [b, m, c]

 private:
  at::Tensor position_;  // pos_embed [1, m, image_dim] or undefined
  nn::LayerNorm norm1_;
  nn::Linear up_, down_;
  nn::LayerNorm norm2_;
};

// The keys and values that one block's cross-attention sees.
struct WanContext {
  nn::KeyValue text;
  nn::KeyValue image;  // undefined where the network takes no image embeddings
};

// Attention of the tokens to each other. Queries and keys are normalised across all heads.
class WanSelfAttention {
 public:
  WanSelfAttention(const weights::Scope& scope, const WanConfig& config);
  ops::RowFormat input_format() const { return projections_.input_format(); }
  at::Tensor operator()(const ops::Rows& x, const nn::RotaryTable& rotary) const;  // [b, n, c]

 private:
  nn::StreamProjections projections_;
  nn::Linear out_;
};

// Attention to text and, where the network takes one, to an image.
class WanCrossAttention {
 public:
  WanCrossAttention(const weights::Scope& scope, const WanConfig& config);
  WanContext project(const at::Tensor& text, const at::Tensor& image) const;  // [b, m, c]
  ops::RowFormat input_format() const { return q_.input_format(); }
  at::Tensor operator()(const ops::Rows& x, const WanContext& context) const;  // [b, n, c]

 private:
  struct KeyValues {
    nn::FusedLinear kv;
    nn::RmsNorm norm;
  };
  nn::KeyValue project(const KeyValues& layers, const at::Tensor& context) const;

  int64_t heads_;
  nn::Linear q_, out_;
  nn::RmsNorm norm_q_;
  KeyValues text_;
  std::optional<KeyValues> image_;
};

// Self-attention, attention to the context, feed-forward; the first and the last modulated by the
// timestep. x -> x + f(x).
class WanBlock {
 public:
  WanBlock(const weights::Scope& scope, const WanConfig& config);
  // text, image [b, m, c]; image undefined where the network takes none.
  WanContext project(const at::Tensor& text, const at::Tensor& image) const {
    return cross_.project(text, image);
  }
  // x [b, n, c], modulation [b, 6, c] -> [b, n, c]
  at::Tensor operator()(const at::Tensor& x, const at::Tensor& modulation,
                        const nn::RotaryTable& rotary, const WanContext& context) const;

 private:
  double eps_;
  at::Tensor scale_shift_table_;  // fp32 [1, 6, c]
  WanSelfAttention self_;
  WanCrossAttention cross_;
  nn::LayerNorm norm2_;
  nn::GeluFeedForward feed_forward_;
};

}  // namespace zoetrope::models

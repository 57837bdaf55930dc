// Multi-head attention layers with diffusers' names (to_q, to_k, to_v, to_out.0).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "nn/linear.h"
#include "weights/parameters.h"

namespace zoetrope::nn {

struct HeadLayout {
  int64_t heads = 1;
  int64_t head_dim = 64;
  int64_t width() const { return heads * head_dim; }
};

struct QueryKeyValue {
  at::Tensor q, k, v;  // [..., heads, d] each; views of one product
};

// The projections of self-attention; what happens between them is the caller's.
class SelfAttentionProjections {
 public:
  SelfAttentionProjections(const weights::Scope& scope, int64_t channels, HeadLayout heads,
                           Start out = Start::kDefault);
  // [..., c] -> [..., 3, heads, d], of the norm of x
  at::Tensor project_fused(const at::Tensor& x, const Prologue& prologue) const;
  QueryKeyValue project(const at::Tensor& x) const;  // [..., c]
  QueryKeyValue project(const at::Tensor& x, const Prologue& prologue) const;
  at::Tensor output(const at::Tensor& attended) const;  // [..., heads, d] -> [..., c]
  at::Tensor output(const at::Tensor& attended, const at::Tensor& residual) const;

 private:
  HeadLayout heads_;
  FusedLinear qkv_;
  Linear out_;
};

// Self-attention over the middle dimension. x [b, n, c] -> [b, n, c]
class SelfAttention {
 public:
  SelfAttention(const weights::Scope& scope, int64_t channels, HeadLayout heads)
      : projections_(scope, channels, heads) {}
  at::Tensor operator()(const at::Tensor& x) const;

 private:
  SelfAttentionProjections projections_;
};

struct KeyValue {
  at::Tensor k, v;  // [b, n, heads, d] each
};

// Attention to a context that stays the same over the denoising steps: its keys and values are
// projected once and reused (never repeated per frame).
class CrossAttention {
 public:
  CrossAttention(const weights::Scope& scope, int64_t channels, int64_t context_channels,
                 HeadLayout heads, Start out = Start::kDefault);
  KeyValue project(const at::Tensor& context) const;  // [b, n, context_channels]
  // x + the attention of norm(x). x [b, m, c] -> [b, m, c]. All frames of a clip may be folded into
  // m.
  at::Tensor add_to(const at::Tensor& x, const LayerNorm& norm, const KeyValue& context) const;

 private:
  HeadLayout heads_;
  FusedLinear q_, kv_;
  Linear out_;
};

}  // namespace zoetrope::nn

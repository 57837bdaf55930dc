// Scaled dot-product attention.
#pragma once

#include <ATen/core/Tensor.h>

namespace zoetrope::ops {

struct AttentionMask {
  bool causal = false;  // query i sees keys 0..i
  at::Tensor additive;  // optional, broadcastable to [b, heads, nq, nk], added to the scores
};

// q [b, nq, heads, d], k and v [b, nk, heads, d] -> [b, nq, heads, d]; scores scaled by 1/sqrt(d).
// The inputs may be strided views (slices of a fused projection); the result is contiguous.
at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     const AttentionMask& mask = {});

// Attention among the frames of a clip, at every position apart: q, k, v [b, f, p, heads, d] with
// few frames f (16) and many positions p -> [b, f, p, heads, d].
at::Tensor temporal_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);

// The same from a fused projection, qkv [b, f, p, 3, heads, d] -> [b, f, p, heads, d]: its gradient
// is written in place of being joined from three, so prefer it in training.
at::Tensor temporal_attention(const at::Tensor& qkv);

}  // namespace zoetrope::ops

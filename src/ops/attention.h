// Scaled dot-product attention.
#pragma once

#include <ATen/core/Tensor.h>

#include <string_view>

namespace zoetrope::ops {

struct AttentionMask {
  bool causal = false;  // query i sees keys 0..i
  at::Tensor additive;  // optional, broadcastable to [b, heads, nq, nk], added to the scores
};

// Keys and values that several samples see besides their own: k, v [m, n, heads, d], m a divisor of
// the batch. Sample i of b sees row i / (b / m): the frames of a clip see what belongs to the clip.
struct SharedKeys {
  at::Tensor k, v;
};

// How exact attention is, a choice of whoever runs a network: the networks do not know of it.
enum class AttentionPrecision {
  kExact,  // in the tensors' dtype
  kFp8,  // both products in e4m3 where that pays: bf16 self-attention over 2,048 keys or more with
         // heads of 64 or 128, without a mask or a gradient; exact for everything else
};
std::string_view to_string(AttentionPrecision precision);  // "exact", "fp8"

// The precision of what this thread runs while it lives, recordings included. Scopes nest.
class AttentionScope {
 public:
  explicit AttentionScope(AttentionPrecision precision);
  ~AttentionScope();
  AttentionScope(const AttentionScope&) = delete;
  AttentionScope& operator=(const AttentionScope&) = delete;

 private:
  AttentionPrecision before_;
};

// q [b, nq, heads, d], k and v [b, nk, heads, d] -> [b, nq, heads, d]; scores scaled by 1/sqrt(d).
// The inputs may be strided views (slices of a fused projection); the result is contiguous.
at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     const AttentionMask& mask = {});

// The same without a mask, over the sample's own keys and then the shared ones.
at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     const SharedKeys& shared);

// Attention among the frames of a clip, at every position apart: q, k, v [b, f, p, heads, d] with
// few frames f (16) and many positions p -> [b, f, p, heads, d].
at::Tensor temporal_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);

// The same from a fused projection, qkv [b, f, p, 3, heads, d] -> [b, f, p, heads, d]: its gradient
// is written in place of being joined from three, so prefer it in training.
at::Tensor temporal_attention(const at::Tensor& qkv);

}  // namespace zoetrope::ops

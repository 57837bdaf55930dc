// The feed-forward layers of transformer blocks; the gated ones after Shazeer, "GLU variants
// improve transformer", arXiv 2002.05202. Immutable after construction; any thread may call them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string_view>

#include "nn/linear.h"
#include "weights/parameters.h"

namespace zoetrope::nn {

// Of diffusers' transformer blocks: names net.0.proj, net.2.
class GegluFeedForward {
 public:
  GegluFeedForward(const weights::Scope& scope, int64_t channels, int64_t inner,
                   Start out = Start::kDefault);
  // x + the layer's value at norm(x). [..., c] -> [..., c]
  at::Tensor add_to(const at::Tensor& x, const LayerNorm& norm) const;

 private:
  GatedLinear in_;
  Linear out_;
};

// Linear, gelu in its tanh form, linear (activation_fn = "gelu-approximate").
class GeluFeedForward {
 public:
  GeluFeedForward(const weights::Scope& scope, int64_t channels, int64_t inner);
  ops::RowFormat input_format() const { return in_.input_format(); }
  at::Tensor operator()(const ops::Rows& x) const;  // [..., c] -> [..., c]

 private:
  Linear in_, out_;
};

// What a checkpoint calls the three layers of SwiGLU.
struct SwigluNames {
  std::string_view gate, value, out;
};

// out(silu(gate(x)) * value(x)), without biases.
class SwigluFeedForward {
 public:
  SwigluFeedForward(const weights::Scope& scope, const SwigluNames& names, int64_t channels,
                    int64_t inner);
  ops::RowFormat input_format() const { return in_.input_format(); }
  at::Tensor operator()(const ops::Rows& x) const;  // [..., c] -> [..., c]

 private:
  FusedLinear in_;
  Linear out_;
};

// [first, activation(layer(x))] side by side, as the input of one product. [..., a], [..., c] ->
// [..., a + out]
at::Tensor beside(const at::Tensor& first, const Linear& layer, const ops::Rows& x,
                  ops::Activation activation);

}  // namespace zoetrope::nn

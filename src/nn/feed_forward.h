// The feed-forward layers of diffusers' transformer blocks (names net.0.proj, net.2).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "nn/linear.h"
#include "weights/parameters.h"

namespace zoetrope::nn {

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
  at::Tensor operator()(const at::Tensor& x) const;  // [..., c] -> [..., c]

 private:
  Linear in_, out_;
};

}  // namespace zoetrope::nn

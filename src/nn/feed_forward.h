// The gated feed-forward layer of diffusers' transformer blocks (names net.0.proj, net.2).
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
  at::Tensor operator()(const at::Tensor& x) const;  // [..., c] -> [..., c]

 private:
  Linear in_, out_;
};

}  // namespace zoetrope::nn

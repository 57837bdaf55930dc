#include "nn/feed_forward.h"

#include <ATen/core/Tensor.h>

#include "ops/activation.h"

namespace zoetrope::nn {

GegluFeedForward::GegluFeedForward(const weights::Scope& scope, int64_t channels, int64_t inner,
                                   Start out)
    : in_(scope.sub("net", 0).sub("proj"), channels, inner),
      out_(scope.sub("net", 2), inner, channels, Bias::kPresent, out) {}

at::Tensor GegluFeedForward::add_to(const at::Tensor& x, const LayerNorm& norm) const {
  return out_(in_(x, {norm, {}}), x);
}

GeluFeedForward::GeluFeedForward(const weights::Scope& scope, int64_t channels, int64_t inner)
    : in_(scope.sub("net", 0).sub("proj"), channels, inner),
      out_(scope.sub("net", 2), inner, channels) {}

at::Tensor GeluFeedForward::operator()(const at::Tensor& x) const {
  return out_(ops::activate(in_(x), ops::Activation::kGeluTanh));
}

}  // namespace zoetrope::nn

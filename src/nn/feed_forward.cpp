#include "nn/feed_forward.h"

#include <ATen/ATen.h>

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

SwigluFeedForward::SwigluFeedForward(const weights::Scope& scope, const SwigluNames& names,
                                     int64_t channels, int64_t inner)
    : in_(scope, {names.gate, names.value}, channels, inner),
      out_(scope.sub(names.out), inner, channels, Bias::kNone) {}

at::Tensor SwigluFeedForward::operator()(const at::Tensor& x) const {
  const auto halves = in_(x).chunk(2, -1);
  return out_(at::silu(halves[0]) * halves[1]);
}

}  // namespace zoetrope::nn

#include "nn/feed_forward.h"

#include <ATen/ATen.h>

#include "ops/activation.h"
#include "ops/ladder.h"

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

at::Tensor GeluFeedForward::operator()(const ops::Rows& x) const {
  return out_(in_.activated(x, ops::Activation::kGeluTanh, out_.input_format()));
}

SwigluFeedForward::SwigluFeedForward(const weights::Scope& scope, const SwigluNames& names,
                                     int64_t channels, int64_t inner)
    : in_(scope, {names.gate, names.value}, channels, inner),
      out_(scope.sub(names.out), inner, channels, Bias::kNone) {}

at::Tensor SwigluFeedForward::operator()(const ops::Rows& x) const {
  return out_(ops::swiglu(in_(x), out_.input_format()));
}

at::Tensor beside(const at::Tensor& first, const Linear& layer, const ops::Rows& x,
                  ops::Activation activation) {
  if (ops::needs_grad({&first, &x.values})) {
    return at::cat({first, layer.activated(x, activation, ops::RowFormat::kPlain).values}, -1);
  }
  auto sizes = first.sizes().vec();
  const int64_t width = sizes.back();
  sizes.back() += layer.out_features();
  const at::Tensor joined = at::empty(sizes, first.options());
  joined.narrow(-1, 0, width).copy_(first);
  layer.into(joined.narrow(-1, width, layer.out_features()), x, activation);
  return joined;
}

}  // namespace zoetrope::nn

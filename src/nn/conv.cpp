#include "nn/conv.h"

#include <ATen/ATen.h>

namespace zoetrope::nn {
namespace {

using weights::Init;

// Channels-last strides save the convolution library a reordering per call. A parameter under
// training stays as it is: it must remain the tensor that the optimiser holds.
at::Tensor prepared(const at::Tensor& weight) {
  return weight.requires_grad() ? weight : weight.contiguous(at::MemoryFormat::ChannelsLast);
}

}  // namespace

Conv2d::Conv2d(const weights::Scope& scope, int64_t in, int64_t out)
    : Conv2d(scope, in, out, Options{}) {}

Conv2d::Conv2d(const weights::Scope& scope, int64_t in, int64_t out, const Options& o) {
  const Init init =
      o.start == Start::kZero ? Init::zeros() : Init::fan_in(in * o.kernel * o.kernel);
  weight_ = prepared(scope.take("weight", {out, in, o.kernel, o.kernel}, init));
  bias_ = scope.take("bias", {out}, init);
  geometry_ = {{o.stride, o.stride}, {o.padding, o.padding}};
}

at::Tensor Conv2d::operator()(const at::Tensor& x) const {
  return ops::conv2d(x, weight_, bias_, geometry_);
}

TemporalConv::TemporalConv(const weights::Scope& scope, int64_t in, int64_t out, Start start) {
  const Init init = start == Start::kZero ? Init::zeros() : Init::fan_in(in * 3);
  weight_ = prepared(scope.take("weight", {out, in, 3, 1, 1}, init).squeeze(-1));
  bias_ = scope.take("bias", {out}, init);
}

at::Tensor TemporalConv::operator()(const at::Tensor& x) const {
  const int64_t b = x.size(0), f = x.size(1), h = x.size(2), w = x.size(3), c = x.size(4);
  return ops::conv2d(x.reshape({b, f, h * w, c}), weight_, bias_, {{1, 1}, {1, 0}})
      .reshape({b, f, h, w, -1});
}

}  // namespace zoetrope::nn

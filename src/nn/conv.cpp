#include "nn/conv.h"

#include <ATen/ATen.h>

namespace zoetrope::nn {

using weights::Init;

Conv2d::Conv2d(const weights::Scope& scope, int64_t in, int64_t out)
    : Conv2d(scope, in, out, Options{}) {}

Conv2d::Conv2d(const weights::Scope& scope, int64_t in, int64_t out, const Options& o) {
  const Init init =
      o.start == Start::kZero ? Init::zeros() : Init::fan_in(in * o.kernel * o.kernel);
  const at::Tensor weight = scope.take("weight", {out, in, o.kernel, o.kernel}, init);
  weight_ = ops::prepare_conv(weight, scope.take("bias", {out}, init),
                              {{o.stride, o.stride}, {o.padding, o.padding}, o.enlarging});
}

at::Tensor Conv2d::operator()(const at::Tensor& x) const { return ops::conv2d(x, weight_); }

at::Tensor Conv2d::of_normed(const ops::GroupNormParameters& norm, const at::Tensor& x,
                             const at::Tensor& residual) const {
  return ops::normed_conv(x, norm, weight_, residual);
}

at::Tensor Conv2d::of_enlarged(const at::Tensor& x, int64_t height, int64_t width) const {
  return ops::enlarged_conv2d(x, height, width, weight_);
}

TemporalConv::TemporalConv(const weights::Scope& scope, int64_t in, int64_t out, Start start) {
  const Init init = start == Start::kZero ? Init::zeros() : Init::fan_in(in * 3);
  const at::Tensor weight = scope.take("weight", {out, in, 3, 1, 1}, init).squeeze(-1);
  weight_ = ops::prepare_conv(weight, scope.take("bias", {out}, init), {{1, 1}, {1, 0}, false});
}

at::Tensor TemporalConv::of_normed(const ops::GroupNormParameters& norm, const at::Tensor& x,
                                   const at::Tensor& residual) const {
  const auto as_image = [](const at::Tensor& t) { return t.defined() ? t.flatten(2, 3) : t; };
  return ops::normed_conv(as_image(x), norm, weight_, as_image(residual))
      .unflatten(2, {x.size(2), x.size(3)});
}

}  // namespace zoetrope::nn

#include "nn/linear.h"

#include <ATen/ATen.h>

#include "ops/linear.h"

namespace zoetrope::nn {

using weights::Init;

Linear::Linear(const weights::Scope& scope, int64_t in, int64_t out, Bias bias, Start start) {
  const Init init = start == Start::kZero ? Init::zeros() : Init::fan_in(in);
  weight_ = scope.take("weight", {out, in}, init);
  if (bias == Bias::kPresent) bias_ = scope.take("bias", {out}, init);
}

at::Tensor Linear::operator()(const at::Tensor& x) const { return ops::linear(x, weight_, bias_); }

FusedLinear::FusedLinear(const weights::Scope& scope, const std::vector<std::string_view>& names,
                         int64_t in, int64_t out_each) {
  for (const auto name : names) {
    parts_.push_back(scope.sub(name).take("weight", {out_each, in}, Init::fan_in(in)));
  }
  if (parts_.size() == 1) {
    joined_ = parts_.front();
  } else if (!parts_.front().requires_grad()) {
    joined_ = at::cat(parts_);
    parts_.clear();
  }
}

at::Tensor FusedLinear::operator()(const at::Tensor& x) const {
  return ops::linear(x, joined_.defined() ? joined_ : at::cat(parts_), {});
}

}  // namespace zoetrope::nn

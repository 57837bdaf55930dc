#include "nn/linear.h"

#include <ATen/ATen.h>

namespace zoetrope::nn {

using weights::Init;

namespace {

ops::LinearFusion fusion_of(const Prologue& p) {
  ops::LinearFusion fusion = p.norm.fusion();
  fusion.position = p.position;
  fusion.position_repeat = p.position_repeat;
  return fusion;
}

ops::LinearWeight take_linear(const weights::Scope& scope, int64_t in, int64_t out, Bias bias,
                              const Init& init, bool gated) {
  const at::Tensor weight = scope.take("weight", {out, in}, init);
  return ops::prepare_linear(
      weight, bias == Bias::kPresent ? scope.take("bias", {out}, init) : at::Tensor(), gated);
}

// One tensor for several; one alone is itself, not a copy; none: undefined.
at::Tensor joined(const std::vector<at::Tensor>& parts) {
  if (parts.empty()) return {};
  return parts.size() == 1 ? parts.front() : at::cat(parts);
}

}  // namespace

Linear::Linear(const weights::Scope& scope, int64_t in, int64_t out, Bias bias, Start start)
    : weight_(take_linear(scope, in, out, bias,
                          start == Start::kZero ? Init::zeros() : Init::fan_in(in), false)) {}

at::Tensor Linear::operator()(const at::Tensor& x) const { return ops::linear(x, weight_); }

at::Tensor Linear::operator()(const at::Tensor& x, const at::Tensor& residual) const {
  ops::LinearFusion fusion;
  fusion.residual = residual;
  return ops::linear(x, weight_, fusion);
}

GatedLinear::GatedLinear(const weights::Scope& scope, int64_t in, int64_t out)
    : weight_(take_linear(scope, in, 2 * out, Bias::kPresent, Init::fan_in(in), true)) {}

at::Tensor GatedLinear::operator()(const at::Tensor& x, const Prologue& prologue) const {
  return ops::linear(x, weight_, fusion_of(prologue));
}

FusedLinear::FusedLinear(const weights::Scope& scope, const std::vector<std::string_view>& names,
                         int64_t in, int64_t out_each, Bias bias) {
  for (const auto name : names) {
    const weights::Scope layer = scope.sub(name);
    weights_.push_back(layer.take("weight", {out_each, in}, Init::fan_in(in)));
    if (bias == Bias::kPresent) {
      biases_.push_back(layer.take("bias", {out_each}, Init::fan_in(in)));
    }
  }
  if (weights_.size() == 1 || !weights_.front().requires_grad()) {
    joined_ = ops::prepare_linear(joined(weights_), joined(biases_));
    weights_.clear();
    biases_.clear();
  }
}

at::Tensor FusedLinear::operator()(const at::Tensor& x) const { return run(x, {}); }

at::Tensor FusedLinear::operator()(const at::Tensor& x, const Prologue& prologue) const {
  return run(x, fusion_of(prologue));
}

at::Tensor FusedLinear::run(const at::Tensor& x, const ops::LinearFusion& fusion) const {
  if (weights_.empty()) return ops::linear(x, joined_, fusion);
  return ops::linear(x, {.weight = joined(weights_), .bias = joined(biases_), .packed = {}},
                     fusion);
}

}  // namespace zoetrope::nn

#include "nn/norm.h"

#include "ops/norm.h"
#include "ops/row_pass.h"

namespace zoetrope::nn {

using weights::Init;

namespace {

SumAndNorm of_sum(const GatedSum& sum, ops::RowPass pass) {
  pass.source = ops::RowSource::kSum;
  pass.x = sum.x;
  pass.gate = sum.gate;
  pass.y = sum.y;
  ops::RowPassResult result = ops::row_pass(pass);
  return {result.sum, result.rows};
}

ops::RowPass layer_norm_pass(double eps, ops::RowFormat format) {
  ops::RowPass pass;
  pass.norm = ops::NormKind::kLayer;
  pass.eps = eps;
  pass.format = format;
  return pass;
}

}  // namespace

GroupNorm::GroupNorm(const weights::Scope& scope, int64_t groups, int64_t channels, double eps,
                     ops::Activation activation)
    : parameters_{groups,
                  eps,
                  scope.take("weight", {channels}, Init::ones()),
                  scope.take("bias", {channels}, Init::zeros()),
                  activation,
                  {},
                  {}} {}

at::Tensor GroupNorm::operator()(const at::Tensor& x) const {
  return ops::group_norm(x, parameters_);
}

ops::GroupNormParameters GroupNorm::modulated(const at::Tensor& scale,
                                              const at::Tensor& shift) const {
  ops::GroupNormParameters p = parameters_;
  p.scale = scale;
  p.shift = shift;
  return p;
}

LayerNorm::LayerNorm(const weights::Scope& scope, int64_t channels, double eps)
    : eps_(eps),
      weight_(scope.take("weight", {channels}, Init::ones())),
      bias_(scope.take("bias", {channels}, Init::zeros())) {}

at::Tensor LayerNorm::operator()(const at::Tensor& x) const {
  return ops::layer_norm(x, weight_, bias_, eps_);
}

SumAndNorm LayerNorm::of(const GatedSum& sum, ops::RowFormat format) const {
  ops::RowPass pass = layer_norm_pass(eps_, format);
  pass.weight = weight_;
  pass.bias = bias_;
  return of_sum(sum, pass);
}

ops::LinearFusion LayerNorm::fusion() const {
  ops::LinearFusion fusion;
  fusion.norm_weight = weight_;
  fusion.norm_bias = bias_;
  fusion.norm_eps = eps_;
  return fusion;
}

RmsNorm::RmsNorm(const weights::Scope& scope, int64_t channels, double eps, std::string_view name)
    : eps_(eps), weight_(scope.take(name, {channels}, Init::ones())) {}

at::Tensor RmsNorm::operator()(const at::Tensor& x) const {
  return ops::rms_norm(x, weight_, eps_);
}

at::Tensor modulated_norm(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift,
                          double eps) {
  return ops::modulated_norm(x, scale, shift, eps);
}

ops::Rows Modulation::norm(const at::Tensor& x, double eps, ops::RowFormat format) const {
  ops::RowPass pass = layer_norm_pass(eps, format);
  pass.x = x;
  pass.scale = scale;
  pass.shift = shift;
  return ops::row_pass(pass).rows;
}

SumAndNorm Modulation::norm(const GatedSum& sum, double eps, ops::RowFormat format) const {
  ops::RowPass pass = layer_norm_pass(eps, format);
  pass.scale = scale;
  pass.shift = shift;
  return of_sum(sum, pass);
}

at::Tensor Modulation::add(const at::Tensor& x, const at::Tensor& y) const {
  return ops::gated_add(x, gate, y);
}

}  // namespace zoetrope::nn

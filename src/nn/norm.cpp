#include "nn/norm.h"

#include "ops/norm.h"

namespace zoetrope::nn {

using weights::Init;

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

}  // namespace zoetrope::nn

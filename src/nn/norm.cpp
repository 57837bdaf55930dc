#include "nn/norm.h"

#include "ops/norm.h"

namespace zoetrope::nn {

using weights::Init;

GroupNorm::GroupNorm(const weights::Scope& scope, int64_t groups, int64_t channels, double eps,
                     ops::Activation activation)
    : groups_(groups),
      eps_(eps),
      activation_(activation),
      weight_(scope.take("weight", {channels}, Init::ones())),
      bias_(scope.take("bias", {channels}, Init::zeros())) {}

at::Tensor GroupNorm::operator()(const at::Tensor& x) const {
  return ops::group_norm(x, {groups_, eps_, weight_, bias_, activation_, {}, {}});
}

at::Tensor GroupNorm::modulated(const at::Tensor& x, const at::Tensor& scale,
                                const at::Tensor& shift) const {
  return ops::group_norm(x, {groups_, eps_, weight_, bias_, activation_, scale, shift});
}

LayerNorm::LayerNorm(const weights::Scope& scope, int64_t channels, double eps)
    : eps_(eps),
      weight_(scope.take("weight", {channels}, Init::ones())),
      bias_(scope.take("bias", {channels}, Init::zeros())) {}

at::Tensor LayerNorm::operator()(const at::Tensor& x) const {
  return ops::layer_norm(x, weight_, bias_, eps_);
}

}  // namespace zoetrope::nn

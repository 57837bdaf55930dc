#include "ops/norm.h"

#include <ATen/ATen.h>

#include "ops/ladder.h"
#include "ops/problems.h"
#include "ops/row_pass.h"

namespace zoetrope::ops {

bool GroupNormProblem::grad() const {
  return needs_grad({&x, &p.weight, &p.bias, &p.scale, &p.shift});
}

bool LayerNormProblem::grad() const { return needs_grad({&x, &weight, &bias}); }

namespace {

at::Tensor group_norm_aten(const GroupNormProblem& problem) {
  const GroupNormParameters& p = problem.p;
  const at::Tensor& x = problem.x;
  at::Tensor y = at::group_norm(x.reshape({x.size(0), -1, x.size(-1)}).transpose(1, 2), p.groups,
                                p.weight, p.bias, p.eps)
                     .transpose(1, 2);
  if (p.scale.defined()) y = y * (1 + p.scale.unsqueeze(1)) + p.shift.unsqueeze(1);
  return activate(y, p.activation).reshape(x.sizes()).contiguous();
}

at::Tensor layer_norm_aten(const LayerNormProblem& p) {
  return at::layer_norm(p.x, {p.x.size(-1)}, p.weight, p.bias, p.eps);
}

template <class Problem>
bool on_cpu_without_grad(const Problem& problem) {
  return problem.x.is_cpu() && !problem.grad();
}

Ladder<GroupNormProblem> group_norm_ladder("group_norm",
                                           {{"cuda", cuda::supports, cuda::group_norm},
                                            {"avx512", avx512::supports, avx512::group_norm},
                                            {"aten", always, group_norm_aten},
                                            {"reference", on_cpu_without_grad,
                                             reference::group_norm}});

Ladder<LayerNormProblem> layer_norm_ladder("layer_norm",
                                           {{"cuda", cuda::supports, cuda::layer_norm},
                                            {"avx512", avx512::supports, avx512::layer_norm},
                                            {"aten", always, layer_norm_aten},
                                            {"reference", on_cpu_without_grad,
                                             reference::layer_norm}});

}  // namespace

at::Tensor group_norm(const at::Tensor& x, const GroupNormParameters& parameters) {
  return group_norm_ladder({x, parameters});
}

at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                      double eps) {
  return layer_norm_ladder({x, weight, bias, eps});
}

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps,
                    Activation activation) {
  RowPass pass;
  pass.x = x;
  pass.norm = NormKind::kRms;
  pass.eps = eps;
  pass.weight = weight;
  pass.last = activation;
  return row_pass(pass).rows.values;
}

at::Tensor modulated_norm(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift,
                          double eps) {
  RowPass pass;
  pass.x = x;
  pass.norm = NormKind::kLayer;
  pass.eps = eps;
  pass.scale = scale;
  pass.shift = shift;
  return row_pass(pass).rows.values;
}

}  // namespace zoetrope::ops

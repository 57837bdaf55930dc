#include "ops/norm.h"

#include <ATen/ATen.h>

namespace zoetrope::ops {

at::Tensor group_norm(const at::Tensor& x, const GroupNormParameters& p) {
  const int64_t n = x.size(0);
  const int64_t c = x.size(-1);
  at::Tensor y =
      at::group_norm(x.reshape({n, -1, c}).transpose(1, 2), p.groups, p.weight, p.bias, p.eps)
          .transpose(1, 2);
  if (p.scale.defined()) y = y * (1 + p.scale.unsqueeze(1)) + p.shift.unsqueeze(1);
  return activate(y, p.activation).reshape(x.sizes()).contiguous();
}

at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                      double eps) {
  return at::layer_norm(x, {x.size(-1)}, weight, bias, eps);
}

}  // namespace zoetrope::ops

#include "ops/linear.h"

#include <ATen/ATen.h>

namespace zoetrope::ops {

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return at::linear(x, weight, bias);
}

}  // namespace zoetrope::ops

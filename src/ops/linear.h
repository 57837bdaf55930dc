// Matrix product with a weight in the checkpoint's layout.
#pragma once

#include <ATen/core/Tensor.h>

namespace zoetrope::ops {

// y = x weight^T + bias. x [..., in], weight [out, in], bias [out] or undefined -> [..., out], in
// x's dtype (which must be the weight's).
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

}  // namespace zoetrope::ops

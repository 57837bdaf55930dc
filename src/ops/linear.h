// Matrix product with a weight in the checkpoint's layout, and what usually stands around it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace zoetrope::ops {

// The parameters of a linear layer, and what a variant made of them for many calls. The parameters
// must not change in place afterwards unless they are being trained.
struct LinearWeight {
  at::Tensor weight;   // [out, in]
  at::Tensor bias;     // [out] or undefined
  bool gated = false;  // the rows of weight are [values, gates]: GEGLU follows the product
  at::Tensor packed;   // of the avx512 variant; undefined where it will not run
};
LinearWeight prepare_linear(const at::Tensor& weight, const at::Tensor& bias, bool gated = false);

// Parts of the same pass over memory, where a variant can; each may be left out.
struct LinearFusion {
  // Before the product: LayerNorm of x, weight and bias [in] each; then x + position, a table
  // [m, in]: row r of x, counted over all dimensions but the last, takes row r / repeat % m.
  at::Tensor norm_weight, norm_bias;
  double norm_eps = 1e-5;
  at::Tensor position;
  int64_t position_repeat = 1;
  at::Tensor residual;  // of the result's shape, added to it at the end
};

// y = x weight^T + bias (GEGLU of it if gated). x [..., in] -> [..., out], or [..., out / 2] if
// gated, in x's dtype (which must be the weight's).
at::Tensor linear(const at::Tensor& x, const LinearWeight& weight, const LinearFusion& fusion = {});

}  // namespace zoetrope::ops

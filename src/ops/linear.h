// Matrix product with a weight in the checkpoint's layout, or in a smaller format, and what usually
// stands around it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "ops/activation.h"
#include "ops/rows.h"
#include "tensor/weight_format.h"

namespace zoetrope::ops {

using tensor::WeightFormat;

// The parameters of a linear layer in the form it holds them, and what a variant made of them for
// many calls. The parameters must not change in place afterwards unless they are being trained.
// quantised_weight.h makes the formats other than kPlain.
struct LinearWeight {
  at::Tensor weight;   // [out, in]: plain, float8_e4m3fn or int8; kInt4: bytes [out, in / 2]
  at::Tensor bias;     // [out] or undefined
  bool gated = false;  // the rows of weight are [values, gates]: GEGLU follows the product
  at::Tensor packed;   // of the avx512 variant; undefined where it will not run
  WeightFormat format = WeightFormat::kPlain;
  at::Tensor scale;                   // fp32 [out]; kInt4: bf16 [out, groups]; kPlain: undefined
  at::ScalarType dtype = at::kFloat;  // of results, where the weight's own cannot tell
  // kFp8: sums stay in the tensor cores' narrow accumulators. Faster, less exact.
  bool fast_accumulation = false;

  int64_t in_features() const { return weight.size(1) * (format == WeightFormat::kInt4 ? 2 : 1); }
  at::ScalarType result_dtype() const {
    return format == WeightFormat::kPlain ? weight.scalar_type() : dtype;
  }
  // What the activations should come in.
  RowFormat row_format() const {
    return format == WeightFormat::kFp8 ? RowFormat::kFp8 : RowFormat::kPlain;
  }
};
LinearWeight prepare_linear(const at::Tensor& weight, const at::Tensor& bias, bool gated = false);

// Parts of the same pass over memory, where a variant can; each may be left out.
struct LinearFusion {
  // Before the product, of plain rows: LayerNorm of x, weight and bias [in] each; then
  // x + position, a table [m, in]: row r of x, counted over all dimensions but the last, takes row
  // r / repeat % m.
  at::Tensor norm_weight, norm_bias;
  double norm_eps = 1e-5;
  at::Tensor position;
  int64_t position_repeat = 1;
  at::Tensor residual;                        // of the result's shape, added to it at the end
  Activation activation = Activation::kNone;  // of product and bias, or of their GEGLU
  // Where the result goes: of its shape, may be a slice of something wider, none of the operands.
  // Undefined: a new tensor.
  at::Tensor out{};
};

// y = x weight^T + bias (GEGLU of it if gated). x [..., in] -> [..., out], or [..., out / 2] if
// gated, in the weight's dtype, which must be that of plain rows. Plain rows for an fp8 weight are
// quantised first; quantised rows for another weight are base::Error(kInternal).
at::Tensor linear(const Rows& x, const LinearWeight& weight, const LinearFusion& fusion = {});

}  // namespace zoetrope::ops

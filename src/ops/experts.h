// What a mixture of experts does with its tokens on the device, so that no host waits to know how
// many an expert has: products of sorted rows with a weight for each group, and the weighted sums
// that bring a token's results together. Deterministic, without atomics.
#pragma once

#include <ATen/core/Tensor.h>

#include "ops/rows.h"

namespace zoetrope::ops {

// The weights of all groups, plain or float8_e4m3fn as linear.h holds one.
struct GroupedWeight {
  at::Tensor weight;                  // [groups, out, in]
  at::Tensor scale;                   // fp8: fp32 [groups, out]; plain: undefined
  at::ScalarType dtype = at::kFloat;  // fp8: of the result

  RowFormat row_format() const { return scale.defined() ? RowFormat::kFp8 : RowFormat::kPlain; }
  at::ScalarType result_dtype() const { return scale.defined() ? dtype : weight.scalar_type(); }
};

// x [r, in], sorted by group, in the weight's row_format(); ends int32 [groups]: where each group's
// rows end, on x's device, the last r -> [r, out], row r times its group's weight.
at::Tensor grouped_linear(const Rows& x, const GroupedWeight& weight, const at::Tensor& ends);

// y[i] = base[i] + sum over j of weight[i, j] * rows[slot[i, j]]. rows [m, c], slot int64 [r, k],
// weight fp32 [r, k], base [r, c] of rows' dtype -> [r, c], fp32 inside.
at::Tensor gather_sum(const at::Tensor& rows, const at::Tensor& slot, const at::Tensor& weight,
                      const at::Tensor& base);

}  // namespace zoetrope::ops

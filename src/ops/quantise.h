// Rows of activations in fp8: what a linear layer with an fp8 weight multiplies.
#pragma once

#include <ATen/core/Tensor.h>

#include "ops/rows.h"

namespace zoetrope::ops {

inline constexpr double kLargestFp8 = 448;  // of float8_e4m3fn

// x [..., c], any floating dtype. A row's scale is its largest magnitude / kLargestFp8, at least
// kSmallestScale, so that zeros stay zeros; a row that holds a NaN or an infinity is NaN
// throughout.
Rows quantise_rows(const at::Tensor& x);
inline constexpr double kSmallestScale = 0x1p-100;

// x in a format.
Rows in_format(const at::Tensor& x, RowFormat format);

// The rows of x [r, c] with these indices, int64 [k].
Rows select_rows(const Rows& x, const at::Tensor& indices);

// values * scale in `dtype`; of plain rows the values as they are.
at::Tensor dequantise(const Rows& rows, at::ScalarType dtype);

}  // namespace zoetrope::ops

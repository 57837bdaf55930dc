// From tensors to the row views of kernels/common/row_view.h. Internal to ops, as cuda_support.cuh.
#pragma once

#include "kernels/common/row_view.h"
#include "ops/cuda_support.cuh"

namespace zoetrope::ops::cuda {

// Batches of rows: [b, n, c] as it is, other shapes as one batch, which is a view of what
// has_rows().
inline at::Tensor as_batches(const at::Tensor& t) {
  if (t.dim() == 2) return t.unsqueeze(0);
  return t.dim() == 3 ? t : t.reshape({1, -1, t.size(-1)});
}

// Can a kernel read these rows as they lie? Whole vectors on 16-byte boundaries.
inline bool has_rows(const at::Tensor& t) {
  if (!t.defined() || !has_kernel_dtype(t) || t.dim() < 1 || t.numel() == 0) return false;
  if (t.dim() != 2 && t.dim() != 3) return packed(t);
  const at::Tensor rows = as_batches(t);
  const int64_t width = kernels::vector_width(dtype_of(t));
  return rows.stride(2) == 1 && aligned(t) && (rows.size(0) == 1 || rows.stride(0) % width == 0) &&
         (rows.size(1) == 1 || rows.stride(1) % width == 0);
}

// The same for an operand that repeats over x's rows where it has one only.
inline bool broadcasts(const at::Tensor& t, const at::Tensor& x) {
  if (!has_rows(t) || t.device() != x.device() || t.size(-1) != x.size(-1)) return false;
  if (t.scalar_type() != x.scalar_type() && t.scalar_type() != at::kFloat) return false;
  return t.dim() == 3 && x.dim() == 3 && (t.size(0) == 1 || t.size(0) == x.size(0)) &&
         (t.size(1) == 1 || t.size(1) == x.size(1));
}

inline kernels::RowView row_view(const at::Tensor& t) {
  if (!t.defined()) return {};
  const at::Tensor rows = as_batches(t);
  return {rows.const_data_ptr(), rows.size(0) == 1 ? 0 : rows.stride(0),
          rows.size(1) == 1 ? 0 : rows.stride(1), dtype_of(rows)};
}

inline kernels::RowTarget row_target(const at::Tensor& t) {
  const at::Tensor rows = as_batches(t);
  return {rows.data_ptr(), rows.stride(0), rows.stride(1)};
}

}  // namespace zoetrope::ops::cuda

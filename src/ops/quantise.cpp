#include "ops/quantise.h"

#include <ATen/ATen.h>

#include "ops/row_pass.h"

namespace zoetrope::ops {

Rows quantise_rows(const at::Tensor& x) {
  RowPass pass;
  pass.x = x;
  pass.format = RowFormat::kFp8;
  return row_pass(pass).rows;
}

Rows in_format(const at::Tensor& x, RowFormat format) {
  return format == RowFormat::kFp8 ? quantise_rows(x) : Rows(x);
}

Rows select_rows(const Rows& x, const at::Tensor& indices) {
  if (x.format() == RowFormat::kPlain) return x.values.index_select(0, indices);
  // As bytes: the library selects those on every device.
  return {x.values.view(at::kByte).index_select(0, indices).view(at::kFloat8_e4m3fn),
          x.scale.index_select(0, indices)};
}

at::Tensor dequantise(const Rows& rows, at::ScalarType dtype) {
  if (rows.format() == RowFormat::kPlain) return rows.values;
  return (rows.values.to(at::kFloat) * rows.scale.unsqueeze(-1)).to(dtype);
}

}  // namespace zoetrope::ops

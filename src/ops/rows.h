// What a norm or an activation hands to the linear layers behind it: plain rows, or rows already
// quantised the way those layers' weights want them, so that no pass of its own does it.
#pragma once

#include <ATen/core/Tensor.h>

#include <utility>

namespace zoetrope::ops {

enum class RowFormat {
  kPlain,  // the activations' own dtype
  kFp8,    // float8_e4m3fn, every row with a scale of its own
};

struct Rows {
  Rows(at::Tensor plain) : values(std::move(plain)) {}  // NOLINT: any tensor is plain rows
  Rows(at::Tensor quantised, at::Tensor row_scale)
      : values(std::move(quantised)), scale(std::move(row_scale)) {}

  RowFormat format() const { return scale.defined() ? RowFormat::kFp8 : RowFormat::kPlain; }

  at::Tensor values;  // [..., c]
  at::Tensor scale;   // kFp8: fp32 [...], a row stands for values * scale; kPlain: undefined
};

}  // namespace zoetrope::ops

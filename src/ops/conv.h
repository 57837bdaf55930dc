// Two-dimensional convolution on channels-last activations.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>

namespace zoetrope::ops {

struct ConvGeometry {
  std::array<int64_t, 2> stride = {1, 1};
  std::array<int64_t, 2> padding = {0, 0};  // zeros on both sides
};

// x [n, h, w, in] contiguous, weight [out, in, kh, kw] (any strides; channels-last is fastest),
// bias [out] or undefined -> [n, h', w', out] contiguous. A temporal convolution (3, 1, 1) over
// [b, f, h, w, c] is this with h := f and w := h*w and a (3, 1) kernel.
at::Tensor conv2d(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                  const ConvGeometry& geometry);

// Nearest-neighbour enlargement by two. [n, h, w, c] -> [n, 2h, 2w, c]
at::Tensor upsample_nearest2x(const at::Tensor& x);

}  // namespace zoetrope::ops

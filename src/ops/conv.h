// Two-dimensional convolution on channels-last activations.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>

#include "ops/norm.h"

namespace zoetrope::ops {

struct ConvGeometry {
  std::array<int64_t, 2> stride = {1, 1};
  std::array<int64_t, 2> padding = {0, 0};  // zeros on both sides
  bool enlarging = false;                   // made for enlarged_conv2d
};

// The parameters of a convolution, and what a variant made of them for many calls. The parameters
// must not change in place afterwards unless they are being trained.
struct ConvWeight {
  at::Tensor weight;  // [out, in, kh, kw], any strides; channels-last is fastest
  at::Tensor bias;    // [out] or undefined
  ConvGeometry geometry;
  at::Tensor packed;  // of the avx512 variants; undefined where they will not run
};
ConvWeight prepare_conv(const at::Tensor& weight, const at::Tensor& bias,
                        const ConvGeometry& geometry);

// x [n, h, w, in] contiguous -> [n, h', w', out] contiguous. A temporal convolution (3, 1, 1) over
// [b, f, h, w, c] is this with h := f and w := h*w and a (3, 1) kernel.
// residual, of the result's shape, is added to it; it may be undefined.
at::Tensor conv2d(const at::Tensor& x, const ConvWeight& weight, const at::Tensor& residual = {});

// The same of x enlarged to height x width (nearest neighbour), the sizes doubled or one less.
at::Tensor enlarged_conv2d(const at::Tensor& x, int64_t height, int64_t width,
                           const ConvWeight& weight);

// conv2d(group_norm(x)) + residual, the residual block's half; residual of the result's shape, or
// undefined.
at::Tensor normed_conv(const at::Tensor& x, const GroupNormParameters& norm,
                       const ConvWeight& weight, const at::Tensor& residual = {});

}  // namespace zoetrope::ops

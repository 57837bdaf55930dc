#include "ops/conv.h"

#include <ATen/ATen.h>

namespace zoetrope::ops {

at::Tensor conv2d(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                  const ConvGeometry& geometry) {
  // A contiguous [n, h, w, c] is [n, c, h, w] in channels-last strides: no copy either way.
  return at::conv2d(x.permute({0, 3, 1, 2}), weight, bias, geometry.stride, geometry.padding)
      .permute({0, 2, 3, 1})
      .contiguous();
}

at::Tensor upsample_nearest2x(const at::Tensor& x) {
  return at::upsample_nearest2d(x.permute({0, 3, 1, 2}), {2 * x.size(1), 2 * x.size(2)})
      .permute({0, 2, 3, 1})
      .contiguous();
}

}  // namespace zoetrope::ops

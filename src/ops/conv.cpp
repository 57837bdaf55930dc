#include "ops/conv.h"

#include <ATen/ATen.h>

#include "ops/ladder.h"
#include "ops/problems.h"

namespace zoetrope::ops {

bool NormedConvProblem::grad() const {
  return needs_grad(
      {&x, &norm.weight, &norm.bias, &norm.scale, &norm.shift, &w.weight, &w.bias, &residual});
}

namespace {

at::Tensor normed_conv_aten(const NormedConvProblem& p) {
  const at::Tensor y = conv2d(group_norm(p.x, p.norm), p.w);
  return p.residual.defined() ? p.residual + y : y;
}

bool on_cpu_without_grad(const NormedConvProblem& p) { return p.x.is_cpu() && !p.grad(); }

Ladder<NormedConvProblem> normed_conv_ladder("normed_conv",
                                             {{"avx512", avx512::supports, avx512::normed_conv},
                                              {"aten", always, normed_conv_aten},
                                              {"reference", on_cpu_without_grad,
                                               reference::normed_conv}});

}  // namespace

ConvWeight prepare_conv(const at::Tensor& weight, const at::Tensor& bias,
                        const ConvGeometry& geometry) {
  ConvWeight w{weight, bias, geometry, {}};
  // Channels-last strides save the convolution library a reordering per call. A parameter under
  // training stays as it is: it must remain the tensor that the optimiser holds.
  if (!weight.requires_grad()) w.weight = weight.contiguous(at::MemoryFormat::ChannelsLast);
  w.packed = avx512::packed(w);
  return w;
}

at::Tensor conv2d(const at::Tensor& x, const ConvWeight& w) {
  // A contiguous [n, h, w, c] is [n, c, h, w] in channels-last strides: no copy either way.
  return at::conv2d(x.permute({0, 3, 1, 2}), w.weight, w.bias, w.geometry.stride,
                    w.geometry.padding)
      .permute({0, 2, 3, 1})
      .contiguous();
}

at::Tensor normed_conv(const at::Tensor& x, const GroupNormParameters& norm, const ConvWeight& w,
                       const at::Tensor& residual) {
  return normed_conv_ladder({x, norm, w, residual});
}

at::Tensor upsample_nearest2x(const at::Tensor& x) {
  return at::upsample_nearest2d(x.permute({0, 3, 1, 2}), {2 * x.size(1), 2 * x.size(2)})
      .permute({0, 2, 3, 1})
      .contiguous();
}

}  // namespace zoetrope::ops

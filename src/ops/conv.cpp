#include "ops/conv.h"

#include <ATen/ATen.h>

#include "ops/ladder.h"
#include "ops/problems.h"

namespace zoetrope::ops {

bool ConvProblem::grad() const { return needs_grad({&x, &w.weight, &w.bias, &residual}); }

bool NormedConvProblem::grad() const {
  return needs_grad(
      {&x, &norm.weight, &norm.bias, &norm.scale, &norm.shift, &w.weight, &w.bias, &residual});
}

namespace {

// A contiguous [n, h, w, c] is [n, c, h, w] in channels-last strides: no copy either way.
at::Tensor conv_aten(const ConvProblem& p) {
  at::Tensor x = p.x.permute({0, 3, 1, 2});
  if (p.enlarges()) x = at::upsample_nearest2d(x, {p.height, p.width});
  return at::conv2d(x, p.w.weight, p.w.bias, p.w.geometry.stride, p.w.geometry.padding)
      .permute({0, 2, 3, 1})
      .contiguous();
}

// The residual as an operation of its own.
template <at::Tensor (*run)(const ConvProblem&)>
at::Tensor composed(const ConvProblem& p) {
  const at::Tensor y = run(p);
  return p.residual.defined() ? p.residual + y : y;
}

at::Tensor normed_conv_aten(const NormedConvProblem& p) {
  return conv2d(group_norm(p.x, p.norm), p.w, p.residual);
}

template <class Problem>
bool on_cpu_without_grad(const Problem& p) {
  return p.x.is_cpu() && !p.grad();
}

Ladder<ConvProblem> conv_ladder("conv",
                                {{"cudnn", cudnn::supports, cudnn::conv},
                                 {"avx512", avx512::supports, avx512::conv},
                                 {"aten", always, composed<conv_aten>},
                                 {"reference", on_cpu_without_grad, composed<reference::conv>}});

Ladder<NormedConvProblem> normed_conv_ladder("normed_conv",
                                             {{"cudnn", cudnn::supports, cudnn::normed_conv},
                                              {"avx512", avx512::supports, avx512::normed_conv},
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

at::Tensor conv2d(const at::Tensor& x, const ConvWeight& w, const at::Tensor& residual) {
  return conv_ladder({x, w, x.size(1), x.size(2), residual});
}

at::Tensor enlarged_conv2d(const at::Tensor& x, int64_t height, int64_t width,
                           const ConvWeight& w) {
  return conv_ladder({x, w, height, width, {}});
}

at::Tensor normed_conv(const at::Tensor& x, const GroupNormParameters& norm, const ConvWeight& w,
                       const at::Tensor& residual) {
  return normed_conv_ladder({x, norm, w, residual});
}

}  // namespace zoetrope::ops

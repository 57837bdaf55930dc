// Convolution over the frames of a clip that comes in chunks, channels-last.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "ops/conv.h"

namespace zoetrope::ops {

// The parameters, and what a variant made of them for many calls.
struct CausalConvWeight {
  at::Tensor weight;  // [out, in, kt, kh, kw], any strides
  at::Tensor bias;    // [out]
  int64_t frame_stride = 1;
  // The same as a convolution over pixels with the kt frames' channels side by side; weight is a
  // view of it then. Undefined where the stacked variant will not run.
  ConvWeight stacked;

  int64_t kept() const {
    return weight.size(2) - frame_stride;
  }  // frames the next chunk still sees
};
// kh and kw are odd; pixels outside the picture count as zeros.
CausalConvWeight prepare_causal_conv(const at::Tensor& weight, const at::Tensor& bias,
                                     int64_t frame_stride = 1);
// In the form of the stacked variant, which prepare_causal_conv chooses on GPUs.
CausalConvWeight stacked_causal_conv(const at::Tensor& weight, const at::Tensor& bias);

// What may surround the convolution in the same passes over memory; each may be left out.
struct CausalConvFusion {
  at::Tensor norm_weight;  // [in]: the convolution is of silu(rms_norm(x))
  double norm_eps = 0;
  at::Tensor residual;  // of the result's shape, added to it
};

// x [b, f, h, w, in] -> [b, f', h, w, out]. `before`: what the chunk before left, undefined at a
// clip's start, where the frames before it count as zeros; holds what the next chunk needs
// afterwards.
at::Tensor causal_conv(const at::Tensor& x, const CausalConvWeight& weight, at::Tensor& before,
                       const CausalConvFusion& fusion = {});

}  // namespace zoetrope::ops

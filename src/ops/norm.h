// Normalisation layers on channels-last activations. Statistics are fp32 whatever the dtype.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "ops/activation.h"

namespace zoetrope::ops {

struct GroupNormParameters {
  int64_t groups = 32;
  double eps = 1e-5;
  at::Tensor weight;                          // [c]
  at::Tensor bias;                            // [c]
  Activation activation = Activation::kNone;  // applied last; kNone or kSilu
  // Optional per-sample modulation after the affine step: y * (1 + scale) + shift; [n, c] each.
  at::Tensor scale;
  at::Tensor shift;
};

// x [n, ..., c] contiguous; statistics over everything but n, per group of c / groups channels.
at::Tensor group_norm(const at::Tensor& x, const GroupNormParameters& parameters);

// x [..., c]; weight and bias [c].
at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                      double eps);

// x [..., c], weight [c]: activation(x / sqrt(mean(x^2) + eps) * weight); kNone or kSilu.
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps,
                    Activation activation = Activation::kNone);

// layer_norm without weight and bias, then y * (1 + scale) + shift; scale and shift broadcast to x,
// in x's dtype or fp32.
at::Tensor modulated_norm(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift,
                          double eps);

}  // namespace zoetrope::ops

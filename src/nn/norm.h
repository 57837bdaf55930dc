// Normalisation layers with their parameters.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string_view>

#include "ops/activation.h"
#include "ops/linear.h"
#include "ops/norm.h"
#include "weights/parameters.h"

namespace zoetrope::nn {

class GroupNorm {
 public:
  GroupNorm(const weights::Scope& scope, int64_t groups, int64_t channels, double eps,
            ops::Activation activation = ops::Activation::kNone);
  // x [n, ..., c]; statistics per n and group.
  at::Tensor operator()(const at::Tensor& x) const;
  // For a convolution that takes the norm's result: see nn::Conv2d.
  const ops::GroupNormParameters& parameters() const { return parameters_; }
  // The same for activation(y * (1 + scale) + shift); scale, shift [n, c].
  ops::GroupNormParameters modulated(const at::Tensor& scale, const at::Tensor& shift) const;

 private:
  ops::GroupNormParameters parameters_;
};

class LayerNorm {
 public:
  LayerNorm(const weights::Scope& scope, int64_t channels, double eps = 1e-5);
  at::Tensor operator()(const at::Tensor& x) const;  // [..., c]
  ops::LinearFusion fusion() const;  // for a linear layer that takes the norm's result

 private:
  double eps_;
  at::Tensor weight_, bias_;
};

// x / sqrt(mean(x^2) + eps) * weight (Zhang & Sennrich, arXiv 1910.07467), statistics over the last
// dimension in fp32.
class RmsNorm {
 public:
  // `name`: of the parameter within the scope.
  RmsNorm(const weights::Scope& scope, int64_t channels, double eps,
          std::string_view name = "weight");
  at::Tensor operator()(const at::Tensor& x) const;  // [..., c]

 private:
  double eps_;
  at::Tensor weight_;
};

// LayerNorm without parameters of its own, then y * (1 + scale) + shift: the adaptive norm of
// diffusion transformers (adaLN; Peebles & Xie, arXiv 2212.09748). x [b, n, c]; scale and shift
// [b, 1, c] or [b, n, c], of x's dtype or fp32; the result has x's dtype.
at::Tensor modulated_norm(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift,
                          double eps);

}  // namespace zoetrope::nn

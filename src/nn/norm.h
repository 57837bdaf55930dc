// Normalisation layers with their parameters.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "ops/activation.h"
#include "weights/parameters.h"

namespace zoetrope::nn {

class GroupNorm {
 public:
  GroupNorm(const weights::Scope& scope, int64_t groups, int64_t channels, double eps,
            ops::Activation activation = ops::Activation::kNone);
  // x [n, ..., c]; statistics per n and group.
  at::Tensor operator()(const at::Tensor& x) const;
  // The same with activation(y * (1 + scale) + shift); scale, shift [n, c].
  at::Tensor modulated(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift) const;

 private:
  int64_t groups_;
  double eps_;
  ops::Activation activation_;
  at::Tensor weight_, bias_;
};

class LayerNorm {
 public:
  LayerNorm(const weights::Scope& scope, int64_t channels, double eps = 1e-5);
  at::Tensor operator()(const at::Tensor& x) const;  // [..., c]

 private:
  double eps_;
  at::Tensor weight_, bias_;
};

}  // namespace zoetrope::nn

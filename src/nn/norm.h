// Normalisation layers with their parameters.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string_view>

#include "ops/activation.h"
#include "ops/linear.h"
#include "ops/norm.h"
#include "ops/rows.h"
#include "weights/parameters.h"

namespace zoetrope::nn {

// x + gate * y: a residual stream and what a layer adds to it. gate [b, 1, c] or [b, n, c], x's
// dtype or fp32; undefined: 1.
struct GatedSum {
  at::Tensor x, gate, y;
};

// A sum, and a norm of it in the format of the layer behind: one pass over memory.
struct SumAndNorm {
  at::Tensor sum;
  ops::Rows norm;
};

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
  SumAndNorm of(const GatedSum& sum, ops::RowFormat format) const;
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
  // For passes that do more than the norm (nn/joint_heads.h).
  const at::Tensor& weight() const { return weight_; }
  double eps() const { return eps_; }

 private:
  double eps_;
  at::Tensor weight_;
};

// LayerNorm without parameters of its own, then y * (1 + scale) + shift: the adaptive norm of
// diffusion transformers (adaLN; Peebles & Xie, arXiv 2212.09748). x [b, n, c]; scale and shift
// [b, 1, c] or [b, n, c], of x's dtype or fp32; the result has x's dtype.
at::Tensor modulated_norm(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift,
                          double eps);

// What surrounds a layer f of a diffusion transformer: x + gate * f(norm(x) * (1 + scale) + shift).
// [b, 1, c] or [b, n, c] each.
struct Modulation {
  at::Tensor shift, scale, gate;

  // The modulated norm of x, in the format of the layer behind.
  ops::Rows norm(const at::Tensor& x, double eps, ops::RowFormat format) const;
  SumAndNorm norm(const GatedSum& sum, double eps, ops::RowFormat format) const;
  at::Tensor add(const at::Tensor& x, const at::Tensor& y) const;  // x + gate * y
};

}  // namespace zoetrope::nn

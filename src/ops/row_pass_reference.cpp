#include <ATen/ATen.h>

#include <cmath>
#include <vector>

#include "ops/row_pass_problem.h"

namespace zoetrope::ops::reference {
namespace {

using at::Tensor;

// [rows, c] in fp64, repeated where it broadcasts to x; empty for an undefined tensor.
std::vector<double> values_of(const Tensor& t, const Tensor& x) {
  if (!t.defined()) return {};
  const Tensor wide = t.to(at::kDouble).expand(x.sizes()).contiguous();
  const double* data = wide.const_data_ptr<double>();
  return {data, data + wide.numel()};
}

double activated(double x, Activation activation) {
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kSilu:
      return x / (1 + std::exp(-x));
    case Activation::kGelu:
      return 0.5 * x * (1 + std::erf(x * std::sqrt(0.5)));
    case Activation::kQuickGelu:
      return x / (1 + std::exp(-1.702 * x));
    case Activation::kGeluTanh:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
  }
  return x;
}

void normalise(double* x, int64_t c, NormKind kind, double eps) {
  double mean = 0, square = 0;
  for (int64_t i = 0; kind == NormKind::kLayer && i < c; ++i) {
    mean += x[i] / static_cast<double>(c);
  }
  for (int64_t i = 0; i < c; ++i) square += (x[i] - mean) * (x[i] - mean);
  const double rstd = 1 / std::sqrt(square / static_cast<double>(c) + eps);
  for (int64_t i = 0; i < c; ++i) x[i] = (x[i] - mean) * rstd;
}

}  // namespace

Tensor row_pass(const RowPassProblem& problem) {
  const RowPass& p = problem.p;
  const int64_t c = p.x.size(-1), count = p.x.numel();
  const auto y = values_of(p.y, p.x), gate = values_of(p.gate, p.x);
  const auto weight = values_of(p.weight, p.x), bias = values_of(p.bias, p.x);
  const auto scale = values_of(p.scale, p.x), shift = values_of(p.shift, p.x);
  Tensor result = p.x.to(at::kDouble, /*non_blocking=*/false, /*copy=*/true).contiguous();
  double* x = result.data_ptr<double>();
  for (int64_t i = 0; i < count; ++i) {
    if (p.source == RowSource::kSum) {
      x[i] += (gate.empty() ? 1 : gate[i]) * y[i];
    } else {
      x[i] = activated(x[i], p.first) * (p.source == RowSource::kProduct ? y[i] : 1);
    }
  }
  if (p.source == RowSource::kSum) problem.sum = result.to(p.x.scalar_type(), false, true);
  for (int64_t row = 0; p.norm != NormKind::kNone && row < count; row += c) {
    normalise(x + row, c, p.norm, p.eps);
  }
  for (int64_t i = 0; i < count; ++i) {
    x[i] = x[i] * (weight.empty() ? 1 : weight[i]) + (bias.empty() ? 0 : bias[i]);
    if (!scale.empty()) x[i] = x[i] * (1 + scale[i]) + shift[i];
    x[i] = activated(x[i], p.last);
  }
  return result.to(p.x.scalar_type());
}

}  // namespace zoetrope::ops::reference

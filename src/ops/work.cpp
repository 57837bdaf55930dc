// What the operations that are mostly arithmetic cost at least.
#include <ATen/ATen.h>

#include "ops/experts_problem.h"
#include "ops/problems.h"

namespace zoetrope::ops {
namespace {

double bytes_of_all(std::initializer_list<const at::Tensor*> tensors) {
  double bytes = 0;
  for (const at::Tensor* t : tensors) bytes += static_cast<double>(bytes_of(*t));
  return bytes;
}

// A convolution whose weight is [out, in, taps...]: every result is a sum over all of its weight's
// elements for the channel.
Work of_conv(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& residual,
             const at::Tensor& result) {
  const int64_t taps = weight.numel() / weight.size(0);
  const auto products = static_cast<double>(result.numel() * taps);
  return {.flops = 2 * products, .bytes = bytes_of_all({&x, &weight, &residual, &result})};
}

std::string joined(const at::Tensor& a, const at::Tensor& b) {
  return shape_of(a) + " * " + shape_of(b);
}

}  // namespace

Work work_of(const LinearProblem& p, const at::Tensor& result) {
  const double rows = static_cast<double>(p.x.numel()) / static_cast<double>(p.x.size(-1));
  return {.flops = 2 * rows * static_cast<double>(p.w.weight.numel()),
          .bytes = bytes_of_all({&p.x, &p.w.weight, &p.fusion.residual, &result})};
}
std::string shapes_of(const LinearProblem& p, const at::Tensor&) { return joined(p.x, p.w.weight); }

Work work_of(const ConvProblem& p, const at::Tensor& result) {
  return of_conv(p.x, p.w.weight, p.residual, result);
}
std::string shapes_of(const ConvProblem& p, const at::Tensor&) { return joined(p.x, p.w.weight); }

Work work_of(const NormedConvProblem& p, const at::Tensor& result) {
  return of_conv(p.x, p.w.weight, p.residual, result);
}
std::string shapes_of(const NormedConvProblem& p, const at::Tensor&) {
  return joined(p.x, p.w.weight);
}

Work work_of(const CausalConvProblem& p, const at::Tensor& result) {
  return of_conv(p.x, p.w.weight, p.fusion.residual, result);
}
std::string shapes_of(const CausalConvProblem& p, const at::Tensor&) {
  return joined(p.x, p.w.weight);
}

// A row meets the weight of one group.
Work work_of(const GroupedLinearProblem& p, const at::Tensor& result) {
  return {
      .flops = 2 * static_cast<double>(result.numel()) * static_cast<double>(p.w.weight.size(2)),
      .bytes = bytes_of_all({&p.x.values, &p.w.weight, &result})};
}
std::string shapes_of(const GroupedLinearProblem& p, const at::Tensor&) {
  return joined(p.x.values, p.w.weight);
}

// Scores and their weighted sum, one product each.
Work work_of(const AttentionProblem& p, const at::Tensor& result) {
  const int64_t keys = p.k.size(1) + (p.shared.k.defined() ? p.shared.k.size(1) : 0);
  return {.flops = 4.0 * static_cast<double>(p.q.numel()) * static_cast<double>(keys),
          .bytes = bytes_of_all({&p.q, &p.k, &p.v, &p.shared.k, &p.shared.v, &result})};
}
std::string shapes_of(const AttentionProblem& p, const at::Tensor&) { return joined(p.q, p.k); }

}  // namespace zoetrope::ops

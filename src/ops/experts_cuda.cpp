#include <ATen/ATen.h>

#include "kernels/gather_sum/gather_sum.h"
#include "ops/cuda_support.cuh"
#include "ops/experts_problem.h"

namespace zoetrope::ops::cuda {
namespace {

using at::Tensor;

kernels::GatherSum shape_of(const GatherSumProblem& p) {
  kernels::GatherSum shape;
  shape.rows = p.base.size(0);
  shape.channels = static_cast<int>(p.base.size(1));
  shape.terms = static_cast<int>(p.slot.size(1));
  shape.dtype = dtype_of(p.base);
  return shape;
}

}  // namespace

// The library's grouped products read the groups' ends on the device, on Hopper and later.
bool supports(const GroupedLinearProblem& p) {
  const Tensor &x = p.x.values, &weight = p.w.weight;
  const int64_t width = 16 / x.element_size();
  return !p.grad() && on_gpu(x) && has_grouped_products(x.device()) &&
         p.w.result_dtype() == at::kBFloat16 && weight.scalar_type() == x.scalar_type() &&
         p.ends.scalar_type() == at::kInt && x.dim() == 2 && x.size(0) > 0 && packed(x) &&
         packed(weight) && weight.size(1) % width == 0 && weight.size(2) % width == 0;
}

Tensor grouped_linear(const GroupedLinearProblem& p) {
  const DeviceGuard guard(p.x.values.device());
  const Tensor weight = p.w.weight.transpose(1, 2);
  if (p.x.format() == RowFormat::kPlain) return at::_grouped_mm(p.x.values, weight, p.ends);
  if (tensor::in_dry_run()) {  // for which the library has no form of its own
    return at::empty({p.x.values.size(0), weight.size(2)}, weight.options().dtype(at::kBFloat16));
  }
  return at::_scaled_grouped_mm(p.x.values, weight, p.x.scale, p.w.scale, p.ends, {}, {},
                                at::kBFloat16, /*use_fast_accum=*/false);
}

bool supports(const GatherSumProblem& p) {
  return !p.grad() && on_gpu(p.base) && p.base.dim() == 2 && has_kernel_dtype(p.base) &&
         packed(p.base) && packed(p.rows) && p.rows.scalar_type() == p.base.scalar_type() &&
         p.slot.scalar_type() == at::kLong && p.slot.is_contiguous() &&
         p.weight.scalar_type() == at::kFloat && p.weight.is_contiguous() &&
         kernels::gather_sum_supported(shape_of(p));
}

Tensor gather_sum(const GatherSumProblem& problem) {
  const DeviceGuard guard(problem.base.device());
  const Tensor y = at::empty(problem.base.sizes(), problem.base.options());
  kernels::GatherSum p = shape_of(problem);
  p.from = problem.rows.const_data_ptr();
  p.slot = problem.slot.const_data_ptr<int64_t>();
  p.weight = problem.weight.const_data_ptr<float>();
  p.base = problem.base.const_data_ptr();
  p.y = y.data_ptr();
  check(kernels::gather_sum(p, current_stream()), "gather_sum");
  return y;
}

}  // namespace zoetrope::ops::cuda

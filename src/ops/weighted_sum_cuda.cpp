#include <ATen/ATen.h>

#include <algorithm>

#include "kernels/weighted_sum/weighted_sum.h"
#include "ops/cuda_support.cuh"
#include "ops/weighted_sum.h"

namespace zoetrope::ops::cuda {

bool supports(const WeightedSumProblem& p) {
  const at::Tensor& first = p.terms.front().tensor;
  const auto readable = [&](const Term& term) {
    return on_gpu(term.tensor) && has_kernel_dtype(term.tensor) && term.tensor.is_contiguous() &&
           term.tensor.sizes() == first.sizes() &&
           reinterpret_cast<uintptr_t>(term.tensor.const_data_ptr()) %
                   (4 * term.tensor.element_size()) ==
               0;
  };
  return p.terms.size() <= kernels::kMostTerms && p.dtype == at::kFloat && !p.grad() &&
         first.numel() > 0 && std::ranges::all_of(p.terms, readable);
}

at::Tensor weighted_sum(const WeightedSumProblem& problem) {
  const at::Tensor& first = problem.terms.front().tensor;
  const DeviceGuard guard(first.device());
  const at::Tensor y = at::empty(first.sizes(), first.options().dtype(at::kFloat));
  kernels::WeightedSum p;
  for (const Term& term : problem.terms) {
    p.terms[p.term_count++] = {term.tensor.const_data_ptr(), static_cast<float>(term.weight),
                               dtype_of(term.tensor)};
  }
  p.count = first.numel();
  p.y = y.data_ptr<float>();
  check(kernels::weighted_sum(p, current_stream()), "weighted_sum");
  return y;
}

}  // namespace zoetrope::ops::cuda

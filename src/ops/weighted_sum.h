// Sums of tensors with weights known on the host: guidance and every step of a solver.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace zoetrope::ops {

struct Term {
  double weight;
  at::Tensor tensor;
};

// Sum of weight * tensor, added in the order given; tensors of one shape, any floating dtype
// -> fp32 (fp64 where one is). Terms of weight zero are left out, so what they hold (an infinity,
// nothing) does not matter. base::Error where no weight is left. On a GPU one pass over the
// tensors; with gradients, and with more than eight terms, one a term.
at::Tensor weighted_sum(const std::vector<Term>& terms);

// What the ladder chooses by, and its variant for a GPU (internal to ops; see problems.h).
struct WeightedSumProblem {
  const std::vector<Term>& terms;  // none of weight zero
  at::ScalarType dtype;            // of the result
  bool grad() const;
};

namespace cuda {
bool supports(const WeightedSumProblem& problem);
at::Tensor weighted_sum(const WeightedSumProblem& problem);
}  // namespace cuda

}  // namespace zoetrope::ops

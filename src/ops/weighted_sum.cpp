#include "ops/weighted_sum.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "base/status.h"
#include "ops/ladder.h"

namespace zoetrope::ops {

bool WeightedSumProblem::grad() const {
  return std::ranges::any_of(terms, [](const Term& term) { return needs_grad({&term.tensor}); });
}

namespace {

at::Tensor weighted_sum_aten(const WeightedSumProblem& p) {
  at::Tensor sum;
  for (const Term& term : p.terms) {
    const at::Tensor wide = term.tensor.to(p.dtype);
    if (sum.defined()) {
      sum.add_(wide, term.weight);
    } else {
      sum = at::mul(wide, term.weight);
    }
  }
  return sum;
}

Ladder<WeightedSumProblem> weighted_sum_ladder("weighted_sum",
                                               {{"cuda", cuda::supports, cuda::weighted_sum},
                                                {"aten", always, weighted_sum_aten}});

}  // namespace

at::Tensor weighted_sum(const std::vector<Term>& terms) {
  std::vector<Term> counted;
  std::ranges::copy_if(terms, std::back_inserter(counted),
                       [](const Term& term) { return term.weight != 0.0; });
  base::require(!counted.empty(), "a weighted sum needs a weight that is not zero");
  const bool wide = std::ranges::any_of(
      counted, [](const Term& term) { return term.tensor.scalar_type() == at::kDouble; });
  return weighted_sum_ladder({counted, wide ? at::kDouble : at::kFloat});
}

}  // namespace zoetrope::ops

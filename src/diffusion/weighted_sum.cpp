#include "diffusion/weighted_sum.h"

#include "base/status.h"
#include "tensor/tensor.h"

namespace zoetrope::diffusion {

at::Tensor weighted_sum(const std::vector<Term>& terms) {
  at::Tensor sum;
  for (const Term& term : terms) {
    if (term.weight == 0.0) continue;
    if (sum.defined()) {
      sum.add_(term.tensor, term.weight);
    } else {
      sum = at::mul(term.tensor, term.weight);
    }
  }
  base::require(sum.defined(), "a weighted sum needs a weight that is not zero");
  return sum;
}

}  // namespace zoetrope::diffusion

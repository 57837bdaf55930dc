// Every solver step is a weighted sum of tensors with weights known on the host.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace zoetrope::diffusion {

struct Term {
  double weight;
  at::Tensor tensor;
};

// Sum of weight * tensor, added in the order given. Terms of weight zero are left out, so what they
// hold (an infinity, nothing) does not matter. At least one weight must not be zero.
at::Tensor weighted_sum(const std::vector<Term>& terms);

}  // namespace zoetrope::diffusion

// Linear layers of a mixture of experts: one for each group of rows, run as one product.
// Immutable after construction; any thread may call them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "ops/experts.h"
#include "ops/linear.h"
#include "ops/rows.h"
#include "weights/parameters.h"

namespace zoetrope::nn {

// Without biases. `names`: several layers over one input, as in FusedLinear.
class GroupedLinear {
 public:
  GroupedLinear(const std::vector<weights::Scope>& groups,
                const std::vector<std::string_view>& names, int64_t in, int64_t out_each);

  // Rows must come in this format.
  ops::RowFormat input_format() const { return weight_.row_format(); }
  // x [r, in] sorted by group, ends as in ops::grouped_linear -> [r, names * out_each]
  at::Tensor operator()(const ops::Rows& x, const at::Tensor& ends) const;

 private:
  // One a group, while they are being trained and in formats that the product does not read.
  std::vector<ops::LinearWeight> groups_;
  ops::GroupedWeight weight_;  // of all; undefined then
};

}  // namespace zoetrope::nn

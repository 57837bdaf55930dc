// What the ladders of experts.h choose by, and their variants (internal to ops; see problems.h).
#pragma once

#include "ops/experts.h"
#include "ops/meter.h"

namespace zoetrope::ops {

struct GroupedLinearProblem {
  const Rows& x;
  const GroupedWeight& w;
  const at::Tensor& ends;
  bool grad() const;
};

struct GatherSumProblem {
  const at::Tensor& rows;
  const at::Tensor& slot;
  const at::Tensor& weight;
  const at::Tensor& base;
  bool grad() const;
};

Work work_of(const GroupedLinearProblem& problem, const at::Tensor& result);
std::string shapes_of(const GroupedLinearProblem& problem, const at::Tensor& result);

namespace reference {
at::Tensor grouped_linear(const GroupedLinearProblem& problem);
at::Tensor gather_sum(const GatherSumProblem& problem);
}  // namespace reference

namespace cuda {
bool supports(const GroupedLinearProblem& problem);
bool supports(const GatherSumProblem& problem);
at::Tensor grouped_linear(const GroupedLinearProblem& problem);
at::Tensor gather_sum(const GatherSumProblem& problem);
}  // namespace cuda

}  // namespace zoetrope::ops

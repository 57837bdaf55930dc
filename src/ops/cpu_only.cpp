// Builds without CUDA: the rungs exist and take nothing.
#include <ATen/ATen.h>

#include "base/status.h"
#include "ops/experts_problem.h"
#include "ops/problems.h"
#include "ops/rotary_problem.h"
#include "ops/row_pass_problem.h"
#include "ops/weighted_sum.h"

namespace zoetrope::ops::cuda {
namespace {

[[noreturn]] void absent() {
  throw base::Error(base::StatusCode::kInternal, "this build has no CUDA kernels");
}

}  // namespace

bool supports(const GroupNormProblem&) { return false; }
bool supports(const LayerNormProblem&) { return false; }
bool supports(const GegluProblem&) { return false; }
bool supports(const CausalConvProblem&) { return false; }
bool supports(const DequantiseProblem&) { return false; }
bool supports(const TemporalAttentionProblem&) { return false; }
bool supports(const RowPassProblem&) { return false; }
bool supports(const JoinHeadsProblem&) { return false; }
bool supports(const GroupedLinearProblem&) { return false; }
bool supports(const GatherSumProblem&) { return false; }
bool supports(const WeightedSumProblem&) { return false; }
at::Tensor group_norm(const GroupNormProblem&) { absent(); }
at::Tensor layer_norm(const LayerNormProblem&) { absent(); }
at::Tensor geglu(const GegluProblem&) { absent(); }
at::Tensor causal_conv(const CausalConvProblem&) { absent(); }
at::Tensor dequantise(const DequantiseProblem&) { absent(); }
at::Tensor temporal_attention(const TemporalAttentionProblem&) { absent(); }
at::Tensor row_pass(const RowPassProblem&) { absent(); }
at::Tensor join_heads(const JoinHeadsProblem&) { absent(); }
at::Tensor grouped_linear(const GroupedLinearProblem&) { absent(); }
at::Tensor gather_sum(const GatherSumProblem&) { absent(); }
at::Tensor weighted_sum(const WeightedSumProblem&) { absent(); }

}  // namespace zoetrope::ops::cuda

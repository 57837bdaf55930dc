// Builds without CUDA: the rungs exist and take nothing.
#include <ATen/ATen.h>

#include "base/status.h"
#include "ops/problems.h"

namespace zoetrope::ops::cuda {
namespace {

[[noreturn]] void absent() {
  throw base::Error(base::StatusCode::kInternal, "this build has no CUDA kernels");
}

}  // namespace

bool supports(const GroupNormProblem&) { return false; }
bool supports(const LayerNormProblem&) { return false; }
bool supports(const GegluProblem&) { return false; }
bool supports(const TemporalAttentionProblem&) { return false; }
at::Tensor group_norm(const GroupNormProblem&) { absent(); }
at::Tensor layer_norm(const LayerNormProblem&) { absent(); }
at::Tensor geglu(const GegluProblem&) { absent(); }
at::Tensor temporal_attention(const TemporalAttentionProblem&) { absent(); }

}  // namespace zoetrope::ops::cuda

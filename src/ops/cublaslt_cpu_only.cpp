// Builds without CUDA: the rung exists and takes nothing.
#include <ATen/ATen.h>

#include "base/status.h"
#include "ops/problems.h"

namespace zoetrope::ops::cublaslt {

bool supports(const LinearProblem&) { return false; }

at::Tensor linear(const LinearProblem&) {
  throw base::Error(base::StatusCode::kInternal, "this build has no cuBLASLt");
}

}  // namespace zoetrope::ops::cublaslt

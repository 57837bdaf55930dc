// What the row pass's ladder chooses by, and its variants (internal to ops; see problems.h).
#pragma once

#include "ops/row_pass.h"

namespace zoetrope::ops {

// A variant returns the rows' values and leaves here what else it made.
struct RowPassProblem {
  const RowPass& p;
  at::Tensor& row_scale;  // of RowFormat::kFp8
  at::Tensor& sum;        // of RowSource::kSum
  bool grad() const;
};

namespace reference {
at::Tensor row_pass(const RowPassProblem& problem);  // RowFormat::kPlain
}
namespace cuda {
bool supports(const RowPassProblem& problem);
at::Tensor row_pass(const RowPassProblem& problem);
}  // namespace cuda

}  // namespace zoetrope::ops

// Whether this thread works on shapes alone: set by tensor::DryRun, asked where kernels are
// started.
#pragma once

namespace zoetrope::base {

inline thread_local bool in_dry_run = false;

}  // namespace zoetrope::base

// Which of cuBLASLt's algorithms a product runs with: decided once for each kind of product, by
// timing, and kept for the life of the process. Internal to ops, in builds with CUDA.
//
// The choice must not show in the results. For each kind of product one algorithm sets the bytes:
// the library's favourite for many rows that gives a row the same bytes among 4, 512 or 4096
// others. For each of three ranges of row counts the fastest of those that make the same bytes as
// it runs. So neither the number of rows nor the timing changes a byte.
#pragma once

#include <optional>

#include "kernels/matmul/matmul_cublaslt.h"

namespace zoetrope::ops::cublaslt {

// For a product on the current device and stream; absent where the library refuses it. The first
// call for a kind of product and a range of rows takes some ten milliseconds and 200 MB; while the
// stream is being captured nothing is timed and the library's favourite runs. Any thread.
std::optional<kernels::MatmulAlgorithm> choose(cublasLtHandle_t handle, const kernels::Matmul& p);

}  // namespace zoetrope::ops::cublaslt

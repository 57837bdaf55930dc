// y = sum over j of weight[j] * x[j], fp32, in the order of j: guidance and a scheduler's step,
// whose weights the host knows. The caller owns every buffer; nothing is allocated and nothing
// waits for the stream.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels/common/dtype.h"

namespace zoetrope::kernels {

inline constexpr int kMostTerms = 8;

struct WeightedSum {
  struct Term {
    const void* x = nullptr;  // [count], aligned to four elements
    float weight = 0;
    Dtype dtype = Dtype::kFloat32;
  };
  Term terms[kMostTerms];
  int term_count = 0;
  int64_t count = 0;
  float* y = nullptr;  // [count], 16-byte aligned; may be one of the inputs
};

cudaError_t weighted_sum(const WeightedSum& problem, cudaStream_t stream);

}  // namespace zoetrope::kernels

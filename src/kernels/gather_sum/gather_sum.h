// Weighted sums of rows chosen by index: y[i] = base[i] + sum over j of weight[i, j] *
// rows[slot[i, j]], fp32 inside, in the order of j: how a mixture of experts brings together what
// its experts made of a token. The caller owns every buffer; nothing is allocated and nothing waits
// for the stream.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels/common/dtype.h"

namespace zoetrope::kernels {

struct GatherSum {
  int64_t rows = 0;  // of y
  int channels = 0;
  int terms = 0;  // of each sum
  Dtype dtype = Dtype::kFloat32;
  const void* from = nullptr;     // [any, channels], as base and y 16-byte aligned and contiguous
  const int64_t* slot = nullptr;  // [rows, terms], rows of `from`
  const float* weight = nullptr;  // [rows, terms]
  const void* base = nullptr;     // [rows, channels]
  void* y = nullptr;              // as base
};

// Channels fill whole 16-byte vectors, at most 2,048 of them; fewer than 2^31 rows.
bool gather_sum_supported(const GatherSum& p);

cudaError_t gather_sum(const GatherSum& p, cudaStream_t stream);

}  // namespace zoetrope::kernels

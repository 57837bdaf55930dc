// Weights of 8 or 4 bits, widened: y [rows, columns] = code * scale. The caller owns every buffer;
// nothing is allocated and nothing waits for the stream.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels/common/dtype.h"

namespace zoetrope::kernels {

enum class WeightCode {
  kInt8,  // a byte a weight; one fp32 scale a row
  kInt4,  // two weights a byte, the even one in the low half, plus 8; a bf16 scale for each 64
};

struct Dequantise {
  int64_t rows = 0, columns = 0;
  WeightCode code = WeightCode::kInt8;
  Dtype dtype = Dtype::kBfloat16;  // of y
  const void* codes = nullptr;     // [rows, columns] or [rows, columns / 2], contiguous
  const void* scale = nullptr;     // [rows], or [rows, ceil(columns / 64)]
  void* y = nullptr;
};

// Columns fill whole 16-byte vectors of y, of which there are fewer than 2^31.
bool dequantise_supported(const Dequantise& p);

// y is 16-byte aligned.
cudaError_t dequantise(const Dequantise& p, cudaStream_t stream);

}  // namespace zoetrope::kernels

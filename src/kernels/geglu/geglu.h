// GEGLU: x [rows, 2c] holds [value, gate]; y [rows, c] = value * gelu(gate), exact (erf) gelu, fp32
// inside. The caller owns every buffer; nothing is allocated and nothing waits for the stream.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels/common/dtype.h"

namespace zoetrope::kernels {

struct GegluShape {
  int64_t rows = 0;
  int64_t channels = 0;  // of the result
  Dtype dtype = Dtype::kFloat32;
};

// Channels fill whole 16-byte vectors; the result has fewer than 2^31 of them.
bool geglu_supported(const GegluShape& shape);

// Every tensor is contiguous and 16-byte aligned.
cudaError_t geglu_forward(const GegluShape& shape, const void* x, void* y, cudaStream_t stream);

// dy [rows, c] -> dx [rows, 2c]
cudaError_t geglu_backward(const GegluShape& shape, const void* x, const void* dy, void* dx,
                           cudaStream_t stream);

}  // namespace zoetrope::kernels

// Layer normalisation over the last dimension: y = (x - mean) * rstd * weight + bias.
// Statistics are fp32, taken in two passes over registers. Deterministic. The caller owns every
// buffer; nothing is allocated and nothing waits for the stream.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels/common/dtype.h"

namespace zoetrope::kernels {

struct LayerNormShape {
  int64_t rows = 0;
  int channels = 0;
  Dtype dtype = Dtype::kFloat32;  // of every tensor that is not declared float
};

// Channels fill whole 16-byte vectors and are at most 1,024.
bool layer_norm_supported(const LayerNormShape& shape);

// Floats of scratch memory for one backward call.
int64_t layer_norm_workspace(const LayerNormShape& shape);

struct LayerNormForward {
  LayerNormShape shape;
  float eps = 1e-5f;
  const void* x = nullptr;       // [rows, channels], 16-byte aligned
  const void* weight = nullptr;  // [channels]
  const void* bias = nullptr;    // [channels]
  void* y = nullptr;             // as x
  float* mean = nullptr;         // [rows], kept for the backward pass
  float* rstd = nullptr;         // [rows]
};
cudaError_t layer_norm_forward(const LayerNormForward& p, cudaStream_t stream);

struct LayerNormBackward {
  LayerNormShape shape;
  const void* x = nullptr;
  const void* dy = nullptr;  // as x
  const void* weight = nullptr;
  const float* mean = nullptr;
  const float* rstd = nullptr;
  void* dx = nullptr;       // as x
  void* dweight = nullptr;  // [channels]
  void* dbias = nullptr;    // [channels]
  float* workspace = nullptr;
};
cudaError_t layer_norm_backward(const LayerNormBackward& p, cudaStream_t stream);

}  // namespace zoetrope::kernels

// Group normalisation of channels-last activations, with the affine step, an optional per-sample
// modulation and SiLU in the same pass:
//   z = ((x - mean) * rstd * weight + bias) * (1 + scale) + shift,  y = silu(z) or z.
// Statistics are fp32. No float atomics: equal inputs give equal bytes, and a sample's result does
// not depend on the batch around it.
//
// The caller owns every buffer; nothing is allocated and nothing waits for the stream.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels/common/dtype.h"

namespace zoetrope::kernels {

struct GroupNormShape {
  int64_t n = 0;          // samples
  int64_t positions = 0;  // everything between n and the channels
  int channels = 0;
  int groups = 0;
  Dtype dtype = Dtype::kFloat32;  // of every tensor that is not declared float
};

// Channels fill whole 16-byte vectors and at most 512 of them.
bool group_norm_supported(const GroupNormShape& shape);

// Floats of scratch memory for one forward or one backward call.
int64_t group_norm_workspace(const GroupNormShape& shape);

struct GroupNormAffine {
  const void* weight = nullptr;  // [channels]
  const void* bias = nullptr;    // [channels]
  const void* scale = nullptr;   // [n, channels] or null, rows `modulation_stride` elements apart
  const void* shift = nullptr;   // as scale, null when scale is
  int64_t modulation_stride = 0;
  float eps = 1e-5f;
  bool silu = false;
};

struct GroupNormForward {
  GroupNormShape shape;
  GroupNormAffine affine;
  const void* x = nullptr;     // [n, positions, channels], 16-byte aligned
  void* y = nullptr;           // as x
  float* mean = nullptr;       // [n, groups], kept for the backward pass
  float* rstd = nullptr;       // [n, groups]
  float* workspace = nullptr;  // group_norm_workspace floats
};
cudaError_t group_norm_forward(const GroupNormForward& p, cudaStream_t stream);

struct GroupNormBackward {
  GroupNormShape shape;
  GroupNormAffine affine;
  const void* x = nullptr;
  const void* dy = nullptr;  // as x
  const float* mean = nullptr;
  const float* rstd = nullptr;
  void* dx = nullptr;       // as x
  void* dweight = nullptr;  // [channels]
  void* dbias = nullptr;    // [channels]
  void* dscale = nullptr;   // [n, channels] contiguous, null without modulation
  void* dshift = nullptr;   // as dscale
  float* workspace = nullptr;
};
cudaError_t group_norm_backward(const GroupNormBackward& p, cudaStream_t stream);

}  // namespace zoetrope::kernels

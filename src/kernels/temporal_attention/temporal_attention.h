// Attention among the few frames of a clip, at every position and head apart. Inputs are views of a
// [b, frames, positions, heads, d] tensor with d contiguous, such as slices of a fused projection.
// Scores and sums are fp32; the backward pass computes the weights again. The caller owns every
// buffer; nothing is allocated and nothing waits for the stream.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels/common/dtype.h"

namespace zoetrope::kernels {

struct TemporalAttentionShape {
  int64_t batch = 0;
  int64_t positions = 0;
  int frames = 0;
  int heads = 0;
  int head_dim = 0;
  Dtype dtype = Dtype::kFloat32;
};

// Elements between neighbours, multiples of a 16-byte vector.
struct TemporalStrides {
  int64_t batch = 0;
  int64_t frame = 0;
  int64_t position = 0;
  int64_t head = 0;
};

// Up to 32 frames, head_dim 32 or 64.
bool temporal_attention_supported(const TemporalAttentionShape& shape);

struct TemporalAttentionForward {
  TemporalAttentionShape shape;
  float scale = 1;  // of the scores
  const void* q = nullptr;
  const void* k = nullptr;
  const void* v = nullptr;
  TemporalStrides in;  // of q, k and v
  void* out = nullptr;
  TemporalStrides out_strides;
};
cudaError_t temporal_attention_forward(const TemporalAttentionForward& p, cudaStream_t stream);

struct TemporalAttentionBackward {
  TemporalAttentionShape shape;
  float scale = 1;
  const void* q = nullptr;
  const void* k = nullptr;
  const void* v = nullptr;
  TemporalStrides in;
  const void* dout = nullptr;
  TemporalStrides dout_strides;
  void* dq = nullptr;
  void* dk = nullptr;
  void* dv = nullptr;
  TemporalStrides grad;  // of dq, dk and dv
};
cudaError_t temporal_attention_backward(const TemporalAttentionBackward& p, cudaStream_t stream);

}  // namespace zoetrope::kernels

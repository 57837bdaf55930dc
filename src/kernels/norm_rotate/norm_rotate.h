// Queries or keys on their way to attention, in one pass: RMSNorm of each head or across all heads,
// then rotary positions, read from a slice of one tensor and written to a slice of another (or to
// where they were). fp32 inside.
//
// Deterministic, and a token's result depends on that token alone. The caller owns every buffer;
// nothing is allocated and nothing waits for the stream.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels/common/row_view.h"

namespace zoetrope::kernels {

struct NormRotate {
  int64_t batches = 1;
  int64_t tokens = 0;  // of each batch
  int heads = 1;
  int head_dim = 0;
  Dtype dtype = Dtype::kFloat32;  // of x, weight and y

  RowView x;  // a row is a token: [heads, head_dim]
  RowTarget y;

  const void* weight = nullptr;  // absent: no norm. [head_dim] or, across heads, [heads * head_dim]
  bool across = false;
  float eps = 1e-6f;

  // A row is a token: fp32 [head_dim / 2]. Absent: no turn. Pairs of channels are 2i and 2i + 1 or,
  // with `halves`, i and i + head_dim / 2.
  RowView cosine, sine;
  bool halves = false;
};

// Heads fill whole 16-byte vectors, a token at most 3,072 of them; where heads are normalised one
// by one or turned by halves, a head is a power of two of vectors, at most 32 (halves: at least 2).
bool norm_rotate_supported(const NormRotate& p);

cudaError_t norm_rotate(const NormRotate& p, cudaStream_t stream);

}  // namespace zoetrope::kernels

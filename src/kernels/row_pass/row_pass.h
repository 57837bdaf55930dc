// One pass over the rows of a transformer's activations: read once, kept in registers, written
// once. In this order, all but reading and writing may be absent:
//
//   x | x + gate * y | activation(x) | activation(x) * y     (the sum may be kept)
//   LayerNorm or RMSNorm, fp32 statistics in two passes over registers
//   * weight + bias, then * (1 + scale) + shift, then SiLU
//   the result in x's dtype, or as e4m3 with one fp32 scale a row (largest magnitude / 448)
//
// Deterministic, and a row's result depends on that row alone. The caller owns every buffer;
// nothing is allocated and nothing waits for the stream.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels/common/row_view.h"

namespace zoetrope::kernels {

enum class RowSource { kSingle, kSum, kProduct };
enum class RowActivation { kNone, kSilu, kGeluTanh };
enum class RowNorm { kNone, kLayer, kRms };

struct RowPass {
  int64_t batches = 1;
  int64_t rows = 0;  // of each batch
  int channels = 0;
  Dtype dtype = Dtype::kFloat32;  // of x, y, weight, bias, sum and out

  RowView x, y;
  RowView gate;  // kSum; absent: 1. x's dtype or fp32, as are scale and shift
  RowSource source = RowSource::kSingle;
  RowActivation first = RowActivation::kNone;  // of x, unless the source is a sum
  RowTarget sum;                               // kSum: may be x

  RowNorm norm = RowNorm::kNone;
  float eps = 1e-6f;
  const void* weight = nullptr;  // [channels]
  const void* bias = nullptr;    // [channels]
  RowView scale, shift;          // both or neither
  bool silu = false;

  RowTarget out;                 // or, where it is absent:
  unsigned char* fp8 = nullptr;  // [batches * rows, channels]
  float* fp8_scale = nullptr;    // [batches * rows]; without it nothing but the sum is written
};

// Channels fill whole 16-byte vectors, at most 3,072 of them; fewer than 2^31 rows.
bool row_pass_supported(const RowPass& p);

cudaError_t row_pass(const RowPass& p, cudaStream_t stream);

}  // namespace zoetrope::kernels

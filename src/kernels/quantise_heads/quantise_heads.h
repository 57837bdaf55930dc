// Queries, keys and values to e4m3 for an attention kernel that takes one scale a tensor, and its
// result back. A scale belongs to one sample of the batch, so that no sample depends on another.
//
// Keys and values first lose their mean over the tokens, channel by channel: the softmax does not
// see what all keys share, and what all values share is added to the result again. Networks have
// channels whose mean is far larger than what the tokens differ by.
//
// The largest magnitude is found without atomics; the order of every sum depends on `rows` and
// `channels` alone. The caller owns every buffer; nothing is allocated, nothing waits for the
// stream, and no scale travels through the host.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels/common/row_view.h"

namespace zoetrope::kernels {

// Scales stand in pairs, each on a 16-byte boundary: what e4m3 stands for (value * descale), and
// its inverse.
inline constexpr int64_t kScaleFloats = 4;
inline constexpr int64_t kScalePair = 2 * kScaleFloats;

// The softmax's weights are at most 1. A power of two changes no digit of them.
inline constexpr float kSoftmaxScale = 256.0f;

struct HeadsShape {
  int64_t batch = 0;
  int64_t rows = 0;      // tokens
  int64_t channels = 0;  // heads * d
};

// Channels fill whole vectors of eight; the grid is below 2^31 blocks.
bool quantise_heads_supported(const HeadsShape& shape);

// Floats of scratch memory for one call of quantise_heads.
int64_t quantise_heads_workspace(const HeadsShape& shape);

struct QuantiseHeads {
  HeadsShape shape;
  RowView x[3];                     // q, k, v: bf16
  unsigned char* values = nullptr;  // [3, batch, rows, channels] e4m3
  float* mean = nullptr;            // [3, batch, channels], q's is 0
  float* scales = nullptr;          // [3 * batch + 1, kScalePair]; the last one is kSoftmaxScale's
  float* workspace = nullptr;
};
cudaError_t quantise_heads(const QuantiseHeads& p, cudaStream_t stream);

// y = values * descale + mean, with the values' mean and descale.
struct RestoreHeads {
  HeadsShape shape;
  const unsigned char* values = nullptr;  // [batch, rows, channels] e4m3
  const float* mean = nullptr;            // as above
  const float* scales = nullptr;
  void* y = nullptr;  // bf16, as values
};
cudaError_t restore_heads(const RestoreHeads& p, cudaStream_t stream);

}  // namespace zoetrope::kernels

// Group normalisation of channels-last bf16 activations on the CPU: the CUDA kernels' algorithm
// (group_norm.h) in three steps that the caller spreads over threads. Work is cut into chunks by
// the sample's shape only, so neither threads nor batch change a byte. Needs has_avx512_bf16().
#pragma once

#include <cstdint>

namespace zoetrope::kernels::avx512 {

struct GroupNorm {
  int64_t n = 0;
  int64_t positions = 0;
  int64_t channels = 0;  // a multiple of 16
  int64_t groups = 0;
  float eps = 1e-5f;
  bool silu = false;
  const uint16_t* x = nullptr;       // [n, positions, channels]
  const uint16_t* weight = nullptr;  // [channels]
  const uint16_t* bias = nullptr;
  const uint16_t* scale = nullptr;  // [n, channels] or null, rows `modulation_stride` apart
  const uint16_t* shift = nullptr;
  int64_t modulation_stride = 0;
  uint16_t* y = nullptr;
  float* partial = nullptr;  // [n, chunks, 2, channels]
  float* fold = nullptr;     // [n, 2, channels]: y = act(x * fold[0] + fold[1])
};

int64_t group_norm_chunks(const GroupNorm& p);  // of each sample

void group_norm_partial(const GroupNorm& p, int64_t sample, int64_t chunk);  // 1: every chunk
void group_norm_fold(const GroupNorm& p, int64_t sample);                    // 2: every sample
void group_norm_apply(const GroupNorm& p, int64_t sample, int64_t chunk);    // 3: every chunk

}  // namespace zoetrope::kernels::avx512

// Convolution over three frames, (3, 1) with padding 1 on bf16 clips [n, frames, positions, in],
// with the GroupNorm (and SiLU) before it and the residual after it, by Winograd's F(2, 3): two
// frames of results come from four frames of inputs through 4 products instead of 6. See
// winograd_avx512.h for the source, the error and the reproducibility. Needs has_avx512_bf16().
#pragma once

#include <cstdint>

namespace zoetrope::kernels::avx512 {

struct WinogradFrames {
  int64_t n = 0;
  int64_t frames = 0;  // even
  int64_t positions = 0;
  int64_t in = 0;  // a multiple of 16
  int64_t out = 0;
  bool silu = false;
  const uint16_t* x = nullptr;       // [n, frames, positions, in]
  const float* fold = nullptr;       // [n, 2, in]: the convolution sees act(x * fold[0] + fold[1])
  const uint16_t* weight = nullptr;  // packed
  const uint16_t* bias = nullptr;    // [out] or null
  const uint16_t* residual = nullptr;  // [n, frames, positions, out] or null
  uint16_t* y = nullptr;
};

// Elements of the packed form of a weight [out, in, 3].
int64_t packed_winograd_frames_size(int64_t in, int64_t out);
void pack_winograd_frames(const uint16_t* weight, int64_t in, int64_t out, uint16_t* packed);

// As in winograd_avx512.h.
int64_t winograd_items(const WinogradFrames& p);
int64_t winograd_scratch(const WinogradFrames& p);
void winograd(const WinogradFrames& p, int64_t item, void* scratch);

}  // namespace zoetrope::kernels::avx512

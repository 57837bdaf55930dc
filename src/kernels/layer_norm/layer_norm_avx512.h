// Layer normalisation of bf16 rows on the CPU; statistics fp32. Needs has_avx512_bf16().
#pragma once

#include <cstdint>

namespace zoetrope::kernels::avx512 {

inline constexpr int64_t kLayerNormMaxChannels = 2048;

// x, y [rows, channels], weight and bias [channels]; channels a multiple of 16, at most the above.
void layer_norm(const uint16_t* x, const uint16_t* weight, const uint16_t* bias, uint16_t* y,
                int64_t rows, int64_t channels, float eps);

}  // namespace zoetrope::kernels::avx512

// GEGLU of bf16 rows on the CPU: y [rows, c] = value * gelu(gate) with x [rows, 2c] = [value,
// gate]. Needs has_avx512_bf16().
#pragma once

#include <cstdint>

namespace zoetrope::kernels::avx512 {

// channels (of y) a multiple of 16.
void geglu(const uint16_t* x, uint16_t* y, int64_t rows, int64_t channels);

}  // namespace zoetrope::kernels::avx512

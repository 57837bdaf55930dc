// What the processor we run on can do, asked once.
#pragma once

namespace zoetrope::kernels {

// AVX-512 F, BW, VL, DQ and BF16: what the *_avx512.cpp files are compiled for. Nothing in those
// files may be called where this is false.
bool has_avx512_bf16();

}  // namespace zoetrope::kernels

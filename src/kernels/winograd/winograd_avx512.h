// Convolution of 3 x 3 with padding 1 on channels-last bf16 pictures, with the GroupNorm (and SiLU)
// before it and the residual after it, by Winograd's F(2 x 2, 3 x 3): "Fast Algorithms for
// Convolutional Neural Networks" (1509.09308), equations 7 and 8. A tile of 2 x 2 results comes
// from 4 x 4 inputs through 16 element-wise products instead of 36, summed over channels as 16
// matrix products.
//
// The inputs are normalised and transformed in fp32 and rounded once, after the transform: with the
// norm counted in, the error is 1.5 to 1.85 times (from 8 x 8 pixels up) that of rounding the
// norm's result and the convolution's. From inputs already rounded it would be 2.2 to 2.5 times, so
// there is no such form. Needs has_avx512_bf16(). Results do not depend on how items are spread
// over threads, nor on the pictures beside one.
#pragma once

#include <cstdint>

namespace zoetrope::kernels::avx512 {

struct Winograd {
  int64_t n = 0;
  int64_t height = 0;  // even
  int64_t width = 0;   // even
  int64_t in = 0;      // a multiple of 16
  int64_t out = 0;
  bool silu = false;
  const uint16_t* x = nullptr;       // [n, height, width, in]
  const float* fold = nullptr;       // [n, 2, in]: the convolution sees act(x * fold[0] + fold[1])
  const uint16_t* weight = nullptr;  // packed
  const uint16_t* bias = nullptr;    // [out] or null
  const uint16_t* residual = nullptr;  // [n, height, width, out] or null
  uint16_t* y = nullptr;
};

// Elements of the packed form of a weight [out, in, 3, 3].
int64_t packed_winograd_size(int64_t in, int64_t out);

// weight [out, in, 3, 3] contiguous. Packs columns `panel` * 32 .. + 32, so that threads can share
// the work; panels: packed_winograd_panels(out).
void pack_winograd(const uint16_t* weight, int64_t in, int64_t out, int64_t panel,
                   uint16_t* packed);
int64_t packed_winograd_panels(int64_t out);

// The work in pieces that threads share, and the bytes of scratch memory (on a 64-byte boundary)
// that one piece needs.
int64_t winograd_items(const Winograd& p);
int64_t winograd_scratch(const Winograd& p);
void winograd(const Winograd& p, int64_t item, void* scratch);

}  // namespace zoetrope::kernels::avx512

// Convolution of 3 x 3 with padding 1 over a bf16 picture enlarged by two (nearest neighbour), on
// the CPU and without ever making the enlarged picture: each of the four results that belong to a
// pixel sees only 2 x 2 different pixels, so taps that meet the same one are added beforehand, 4
// products instead of 9. The sums are rounded to bf16 like the weights themselves. Needs
// has_avx512_bf16().
#pragma once

#include <cstdint>

namespace zoetrope::kernels::avx512 {

struct EnlargedConv {
  int64_t n = 0;
  int64_t height = 0;  // of the small picture
  int64_t width = 0;
  int64_t in = 0;                    // a multiple of 32
  int64_t out = 0;                   // a multiple of 32
  const uint16_t* x = nullptr;       // [n, height, width, in]
  const uint16_t* weight = nullptr;  // packed
  const uint16_t* bias = nullptr;    // [out] or null
  uint16_t* y = nullptr;             // [n, 2 height, 2 width, out]
};

// Elements of the packed form of a weight [out, in, 3, 3]; packs columns `panel` * 32 .. + 32 of
// it.
int64_t packed_enlarged_conv_size(int64_t in, int64_t out);
void pack_enlarged_conv(const uint16_t* weight, int64_t in, int64_t out, int64_t panel,
                        uint16_t* packed);

// The work in pieces that threads share, and the bytes of scratch memory (on a 64-byte boundary)
// that one piece needs.
int64_t enlarged_conv_items(const EnlargedConv& p);
int64_t enlarged_conv_scratch(const EnlargedConv& p);
void enlarged_conv(const EnlargedConv& p, int64_t item, void* scratch);

}  // namespace zoetrope::kernels::avx512

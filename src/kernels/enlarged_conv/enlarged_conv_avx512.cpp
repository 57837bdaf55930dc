// Packed weights: [2 row phases][2 column phases][out / 32][2 rows][2 columns * in / 2][32][2]. Two
// neighbouring pixels lie one behind the other, so a row of the 2 x 2 is one run of 2 * in
// elements.
#include "kernels/enlarged_conv/enlarged_conv_avx512.h"

#include "kernels/matmul/tile_avx512.h"

namespace zoetrope::kernels::avx512 {
namespace {

constexpr int64_t kItemRows = 4;  // of the small picture

int64_t row_items(const EnlargedConv& p) { return (p.height + kItemRows - 1) / kItemRows; }

// Elements of one (phase, phase, panel).
int64_t block_size(int64_t in) { return 4 * in * kPanel; }

// Where phase 0 or 1 of a dimension puts tap 0, 1 or 2: on the first or the second of its pixels.
int place_of(int phase, int tap) { return phase == 0 ? tap > 0 : tap > 1; }

// Rows first - 1 .. first + count of a picture, with a zero pixel on either side, and zeros for
// rows that do not exist.
void gather(const EnlargedConv& p, int64_t picture, int64_t first, int64_t count, bf16* rows) {
  const int64_t stride = (p.width + 2) * p.in;
  for (int64_t i = 0; i < count + 2; ++i, rows += stride) {
    const int64_t y = first - 1 + i;
    __builtin_memset(rows, 0, static_cast<size_t>(stride) * sizeof(bf16));
    if (y < 0 || y >= p.height) continue;
    __builtin_memcpy(rows + p.in, p.x + (picture * p.height + y) * p.width * p.in,
                     static_cast<size_t>(p.width * p.in) * sizeof(bf16));
  }
}

// R pixels from `a` on; their results in one column phase, two pixels apart.
template <int R>
void block(const EnlargedConv& p, const bf16* a, const bf16* weight, const Tile<1>& bias, bf16* y) {
  const bf16* below = a + (p.width + 2) * p.in;
  const Tile<R> half = multiply<R>(a, p.in, weight, p.in, rows_of<R>(bias));
  const Tile<R> t = multiply<R>(below, p.in, weight + block_size(p.in) / 2, p.in, half);
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) store(y + 2 * r * p.out, t.v[r][0], t.v[r][1]);
}

}  // namespace

int64_t packed_enlarged_conv_size(int64_t in, int64_t out) {
  return 4 * (out / kPanel) * block_size(in);
}

void pack_enlarged_conv(const uint16_t* weight, int64_t in, int64_t out, int64_t panel,
                        uint16_t* packed) {
  for (int64_t i = 0; i < 4 * kPanel * in; ++i) {
    const int phase = static_cast<int>(i / (kPanel * in));
    const int64_t column = i / in % kPanel, k = i % in;
    const bf16* taps = weight + ((panel * kPanel + column) * in + k) * 9;
    float sums[2][2] = {};
    for (int tap = 0; tap < 9; ++tap) {
      sums[place_of(phase / 2, tap / 3)][place_of(phase % 2, tap % 3)] += to_float(taps[tap]);
    }
    bf16* to = packed + (phase * (out / kPanel) + panel) * block_size(in);
    for (int place = 0; place < 4; ++place) {
      const int64_t row = place * in + k;
      to[row / 2 * 2 * kPanel + 2 * column + row % 2] = to_bf16(sums[place / 2][place % 2]);
    }
  }
}

int64_t enlarged_conv_items(const EnlargedConv& p) { return p.n * row_items(p); }

int64_t enlarged_conv_scratch(const EnlargedConv& p) {
  return (kItemRows + 2) * (p.width + 2) * p.in * static_cast<int64_t>(sizeof(bf16));
}

void enlarged_conv(const EnlargedConv& p, int64_t item, void* scratch) {
  bf16* rows = static_cast<bf16*>(scratch);
  const int64_t picture = item / row_items(p), first = item % row_items(p) * kItemRows;
  const int64_t count = p.height - first < kItemRows ? p.height - first : kItemRows;
  gather(p, picture, first, count, rows);
  for (int64_t i = 0; i < 4 * (p.out / kPanel) * count; ++i) {
    // Rows innermost: the weights of a phase and panel stay in the cache.
    const int64_t phase = i / (p.out / kPanel * count), panel = i / count % (p.out / kPanel);
    const int64_t down = phase / 2, across = phase % 2, row = i % count;
    const bf16* weight = p.weight + (phase * (p.out / kPanel) + panel) * block_size(p.in);
    Tile<1> bias = {{{_mm512_setzero_ps(), _mm512_setzero_ps()}}};
    if (p.bias) bias = {{{load(p.bias + panel * kPanel), load(p.bias + panel * kPanel + 16)}}};
    const bf16* a = rows + ((row + down) * (p.width + 2) + across) * p.in;
    bf16* y = p.y +
              (((picture * p.height + first + row) * 2 + down) * 2 * p.width + across) * p.out +
              panel * kPanel;
    int64_t j = 0;
    for (; j + kTileRows <= p.width; j += kTileRows) {
      block<kTileRows>(p, a + j * p.in, weight, bias, y + 2 * j * p.out);
    }
    for (; j < p.width; ++j) block<1>(p, a + j * p.in, weight, bias, y + 2 * j * p.out);
  }
}

}  // namespace zoetrope::kernels::avx512

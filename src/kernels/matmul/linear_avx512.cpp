#include "kernels/matmul/linear_avx512.h"

#include "kernels/geglu/gelu_avx512.h"
#include "kernels/matmul/tile_avx512.h"

namespace zoetrope::kernels::avx512 {
namespace {

static_assert(kLinearBlock == kTileRows);

// y = (x - mean) / deviation * weight + bias, plus the row's position.
void normalise(const Linear& p, int64_t row, bf16* y) {
  const bf16* x = p.x + row * p.in;
  const bf16* position =
      p.position ? p.position + row / p.position_repeat % p.positions * p.in : nullptr;
  const float count = static_cast<float>(p.in);
  __m512 sum = _mm512_setzero_ps();
  for (int64_t c = 0; c < p.in; c += 16) sum = _mm512_add_ps(sum, load(x + c));
  const __m512 mean = _mm512_set1_ps(_mm512_reduce_add_ps(sum) / count);
  __m512 square = _mm512_setzero_ps();
  for (int64_t c = 0; c < p.in; c += 16) {
    const __m512 d = _mm512_sub_ps(load(x + c), mean);
    square = _mm512_fmadd_ps(d, d, square);
  }
  const float variance = _mm512_reduce_add_ps(square) / count;
  const __m512 rstd = _mm512_set1_ps(1.0f / __builtin_sqrtf(variance + p.eps));
  for (int64_t c = 0; c < p.in; c += 16) {
    const __m512 d = _mm512_sub_ps(load(x + c), mean);
    const __m512 gain = _mm512_mul_ps(rstd, load(p.norm_weight + c));
    __m512 z = _mm512_fmadd_ps(d, gain, load(p.norm_bias + c));
    if (position) z = _mm512_add_ps(z, load(position + c));
    store(y + c, z);
  }
}

struct Halves {
  __m512 low, high;
};

// One row of a finished tile: columns `column` .. + 32 of y = t + bias + residual.
void finish(const Linear& p, Halves t, int64_t row, int64_t column) {
  const __mmask16 low = first_of(p.out - column), high = first_of(p.out - column - 16);
  const int64_t at = row * p.out + column;
  if (p.bias) {
    t.low = _mm512_add_ps(t.low, load(low, p.bias + column));
    t.high = _mm512_add_ps(t.high, load(high, p.bias + column + 16));
  }
  if (p.residual) {
    t.low = _mm512_add_ps(t.low, load(low, p.residual + at));
    t.high = _mm512_add_ps(t.high, load(high, p.residual + at + 16));
  }
  store(low, p.y + at, t.low);
  store(high, p.y + at + 16, t.high);
}

// The same where the panel's halves are values and gates `column / 2` .. + 16.
void finish_gated(const Linear& p, Halves t, int64_t row, int64_t column) {
  const int64_t width = p.out / 2, c = column / 2, at = row * width + c;
  if (p.bias) {
    t.low = _mm512_add_ps(t.low, load(p.bias + c));
    t.high = _mm512_add_ps(t.high, load(p.bias + width + c));
  }
  __m512 y = _mm512_mul_ps(t.low, gelu(t.high));
  if (p.residual) y = _mm512_add_ps(y, load(p.residual + at));
  store(p.y + at, y);
}

template <int R>
void block(const Linear& p, int64_t row) {
  alignas(64) bf16 normed[R * kLinearMaxNormedChannels];
  const bf16* x = p.x + row * p.in;
  if (p.norm_weight) {
    for (int r = 0; r < R; ++r) normalise(p, row + r, normed + r * p.in);
    x = normed;
  }
  for (int64_t column = 0; column < p.out; column += kPanel) {
    const Tile<R> tile = multiply<R>(x, p.in, p.weight + column * p.in, p.in / 2);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const Halves halves{tile.v[r][0], tile.v[r][1]};
      p.gated ? finish_gated(p, halves, row + r, column) : finish(p, halves, row + r, column);
    }
  }
}

}  // namespace

int64_t packed_linear_size(int64_t in, int64_t out) {
  return (out + kPanel - 1) / kPanel * kPanel * in;
}

void pack_linear(const uint16_t* weight, int64_t in, int64_t out, bool gated, uint16_t* packed) {
  for (int64_t column = 0; column < packed_linear_size(in, out) / in; ++column) {
    const int64_t panel = column / kPanel, place = column % kPanel;
    int64_t row = column;
    if (gated) row = panel * 16 + place % 16 + (place < 16 ? 0 : out / 2);
    bf16* to = packed + panel * kPanel * in + 2 * place;
    for (int64_t k = 0; k < in; ++k) {
      to[k / 2 * 2 * kPanel + k % 2] = column < out ? weight[row * in + k] : 0;
    }
  }
}

void linear(const Linear& p, int64_t first, int64_t last) {
  int64_t row = first;
  for (; row + kTileRows <= last; row += kTileRows) block<kTileRows>(p, row);
  for (; row < last; ++row) block<1>(p, row);
}

}  // namespace zoetrope::kernels::avx512

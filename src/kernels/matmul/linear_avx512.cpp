#include "kernels/matmul/linear_avx512.h"

#include "kernels/geglu/gelu_avx512.h"
#include "kernels/matmul/tile_avx512.h"

namespace zoetrope::kernels::avx512 {
namespace {

static_assert(kLinearBlock == kTileRows);

// y = (x - mean) / deviation * weight + bias, plus the row's position.
void normalise(const Linear& p, int64_t row, bf16* y) {
  alignas(64) float values[kLinearMaxNormedChannels];
  const bf16* x = p.x + row * p.in;
  const bf16* position =
      p.position ? p.position + row / p.position_repeat % p.positions * p.in : nullptr;
  const float count = static_cast<float>(p.in);
  __m512 sum = _mm512_setzero_ps();
  for (int64_t c = 0; c < p.in; c += 16) {
    const __m512 v = load(x + c);
    _mm512_store_ps(values + c, v);
    sum = _mm512_add_ps(sum, v);
  }
  const __m512 mean = _mm512_set1_ps(_mm512_reduce_add_ps(sum) / count);
  __m512 square = _mm512_setzero_ps();
  for (int64_t c = 0; c < p.in; c += 16) {
    const __m512 d = _mm512_sub_ps(_mm512_load_ps(values + c), mean);
    square = _mm512_fmadd_ps(d, d, square);
  }
  const float variance = _mm512_reduce_add_ps(square) / count;
  const __m512 rstd = _mm512_set1_ps(1.0f / __builtin_sqrtf(variance + p.eps));
  for (int64_t c = 0; c < p.in; c += 16) {
    const __m512 d = _mm512_sub_ps(_mm512_load_ps(values + c), mean);
    const __m512 gain = _mm512_mul_ps(rstd, load(p.norm_weight + c));
    __m512 z = _mm512_fmadd_ps(d, gain, load(p.norm_bias + c));
    if (position) z = _mm512_add_ps(z, load(position + c));
    store(y + c, z);
  }
}

// The bias of the panel's columns from `column` on: what their sums start with.
inline Tile<1> bias_of(const Linear& p, int64_t column) {
  const int64_t width = p.out / 2;
  if (!p.bias) return {{{_mm512_setzero_ps(), _mm512_setzero_ps()}}};
  if (p.gated) return {{{load(p.bias + column / 2), load(p.bias + width + column / 2)}}};
  return {{{load(first_of(p.out - column), p.bias + column),
            load(first_of(p.out - column - 16), p.bias + column + 16)}}};
}

// One row of a finished tile, columns `column` .. + 32, into y.
[[gnu::always_inline]] inline void finish(const Linear& p, __m512 low, __m512 high, int64_t row,
                                          int64_t column) {
  const int64_t at = row * p.out + column;
  if (column + kPanel <= p.out) {
    if (p.residual) {
      low = _mm512_add_ps(low, load(p.residual + at));
      high = _mm512_add_ps(high, load(p.residual + at + 16));
    }
    return store(p.y + at, low, high);
  }
  const __mmask16 first = first_of(p.out - column), second = first_of(p.out - column - 16);
  if (p.residual) {
    low = _mm512_add_ps(low, load(first, p.residual + at));
    high = _mm512_add_ps(high, load(second, p.residual + at + 16));
  }
  store(first, p.y + at, low);
  store(second, p.y + at + 16, high);
}

// The same where the panel's halves are values and gates `column / 2` .. + 16.
[[gnu::always_inline]] inline void finish_gated(const Linear& p, __m512 value, __m512 gate,
                                                int64_t row, int64_t column) {
  const int64_t at = row * p.out / 2 + column / 2;
  __m512 y = _mm512_mul_ps(value, gelu(gate));
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
    const Tile<R> t =
        multiply<R>(x, p.in, p.weight + column * p.in, p.in / 2, rows_of<R>(bias_of(p, column)));
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      p.gated ? finish_gated(p, t.v[r][0], t.v[r][1], row + r, column)
              : finish(p, t.v[r][0], t.v[r][1], row + r, column);
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

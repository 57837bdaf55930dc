// The inner loop of every matrix product here: R rows of one operand times a panel of 32 columns of
// the other, in registers, with the processor's bf16 dot products. For files compiled for AVX-512
// with BF16 only; see common/avx512.h for why everything is static.
//
// A packed matrix [in, out] is cut into panels of 32 columns, and a panel into pairs of rows:
//   [out / 32][in / 2][32 columns][2 rows]
// so that one 32-bit element of a row of the other operand meets 32 columns with two loads. Columns
// beyond `out` are zeros. `in` must be even.
#pragma once

#include "kernels/common/avx512.h"

namespace zoetrope::kernels::avx512 {

inline constexpr int64_t kPanel = 32;
inline constexpr int kTileRows = 8;  // 16 accumulators hide the latency; 12 rows were no faster

// R rows by V * 16 columns.
template <int R, int V = 2>
struct Tile {
  __m512 v[R][V];
};

// `t` plus the product of R rows of 2 * pairs elements, `stride` apart, with a panel of V * 16
// columns.
template <int R, int V = 2>
static inline Tile<R, V> multiply(const bf16* a, int64_t stride, const bf16* panel, int64_t pairs,
                                  Tile<R, V> t) {
  // Constant indices everywhere, so that the tile lives in registers whatever the caller does.
  // Two bases: four rows each are within reach of an address's own scaling.
  const bf16* base[2] = {a, a + 4 * stride};
  for (int64_t k = 0; k < pairs; ++k, panel += 32 * V) {
    __m512bh columns[V];
    for (int i = 0; i < V; ++i) columns[i] = (__m512bh)_mm512_loadu_si512(panel + 32 * i);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const __m512bh pair = broadcast_pair(base[r / 4] + r % 4 * stride + 2 * k);
      for (int i = 0; i < V; ++i) t.v[r][i] = _mm512_dpbf16_ps(t.v[r][i], columns[i], pair);
    }
  }
  return t;
}

// The same row R times.
template <int R, int V = 2>
static inline Tile<R, V> rows_of(const Tile<1, V>& row) {
  Tile<R, V> t;
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    for (int i = 0; i < V; ++i) t.v[r][i] = row.v[0][i];
  }
  return t;
}

template <int R, int V = 2>
static inline Tile<R, V> multiply(const bf16* a, int64_t stride, const bf16* panel, int64_t pairs) {
  Tile<1, V> zero;
  for (int i = 0; i < V; ++i) zero.v[0][i] = _mm512_setzero_ps();
  return multiply<R, V>(a, stride, panel, pairs, rows_of<R, V>(zero));
}

// The first `count` of 16 elements; the others read as zero and are not written.
static inline __mmask16 first_of(int64_t count) {
  return count >= 16 ? 0xffff : count <= 0 ? 0 : static_cast<__mmask16>((1u << count) - 1);
}

static inline __m512 load(__mmask16 mask, const bf16* p) {
  return widen(_mm256_maskz_loadu_epi16(mask, p));
}

// Both at once.
static inline void store(bf16* p, __m512 first, __m512 second) {
  _mm512_storeu_si512(p, (__m512i)_mm512_cvtne2ps_pbh(second, first));
}

static inline void store(__mmask16 mask, bf16* p, __m512 x) {
  _mm256_mask_storeu_epi16(p, mask, narrow(x));
}

}  // namespace zoetrope::kernels::avx512

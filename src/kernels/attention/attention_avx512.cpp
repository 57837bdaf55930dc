// Eight query rows at a time. Keys and values are first laid out in pairs, as the dot-product
// instruction wants them: it multiplies two neighbouring bf16 of one operand with two of the other
// and adds both to an fp32 lane.
//   keys   [nk / 16][d / 2][16 keys][2]   scores of 16 keys from one broadcast pair of q
//   values [nk / 2][d][2]                 16 result elements from one broadcast pair of weights
#include "kernels/attention/attention_avx512.h"

#include "kernels/common/avx512.h"

namespace zoetrope::kernels::avx512 {
namespace {

constexpr int kRows = 8;

int64_t padded(int64_t nk) { return (nk + 15) / 16 * 16; }

struct Scratch {
  bf16* keys;
  bf16* values;
  bf16* queries;  // [kRows, d]
  float* scores;  // [kRows, padded nk]
  bf16* weights;  // [kRows, padded nk]

  Scratch(void* memory, int64_t keys_count, int64_t d)
      : keys(static_cast<bf16*>(memory)),
        values(keys + keys_count * d),
        queries(values + keys_count * d),
        scores(reinterpret_cast<float*>(queries + kRows * d)),
        weights(reinterpret_cast<bf16*>(scores + kRows * keys_count)) {}
};

// Transposes a 16 x 16 square of 32-bit elements.
void transpose(__m512i (&r)[16]) {
  __m512i t[16];
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  // Now r[4 a + b] holds, in its quarter q, column 4 q + b of rows 4 a .. 4 a + 3.
  for (int b = 0; b < 4; ++b) {
    t[b] = _mm512_shuffle_i32x4(r[b], r[4 + b], 0x88);
    t[4 + b] = _mm512_shuffle_i32x4(r[b], r[4 + b], 0xdd);
    t[8 + b] = _mm512_shuffle_i32x4(r[8 + b], r[12 + b], 0x88);
    t[12 + b] = _mm512_shuffle_i32x4(r[8 + b], r[12 + b], 0xdd);
  }
  for (int b = 0; b < 4; ++b) {
    r[b] = _mm512_shuffle_i32x4(t[b], t[8 + b], 0x88);
    r[8 + b] = _mm512_shuffle_i32x4(t[b], t[8 + b], 0xdd);
    r[4 + b] = _mm512_shuffle_i32x4(t[4 + b], t[12 + b], 0x88);
    r[12 + b] = _mm512_shuffle_i32x4(t[4 + b], t[12 + b], 0xdd);
  }
}

// A pair of bf16 travels as one 32-bit element.
void pack_keys(const AttentionHead& p, bf16* keys) {
  for (int64_t j = 0; j < padded(p.nk); j += 16) {
    for (int64_t d = 0; d < p.d; d += 32) {
      __m512i rows[16];
      for (int64_t i = 0; i < 16; ++i) {
        rows[i] = j + i < p.nk ? _mm512_loadu_si512(p.k + (j + i) * p.k_stride + d)
                               : _mm512_setzero_si512();
      }
      transpose(rows);
      bf16* out = keys + j * p.d + d * 16;
      for (int i = 0; i < 16; ++i) _mm512_storeu_si512(out + 32 * i, rows[i]);
    }
  }
}

void pack_values(const AttentionHead& p, bf16* values) {
  const auto row = [&](int64_t j, int64_t d) {
    if (j >= p.nk) return _mm512_setzero_si512();
    return _mm512_cvtepu16_epi32(
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p.v + j * p.v_stride + d)));
  };
  for (int64_t j = 0; j < padded(p.nk); j += 2) {
    for (int64_t d = 0; d < p.d; d += 16) {
      const __m512i pair = _mm512_or_si512(row(j, d), _mm512_slli_epi32(row(j + 1, d), 16));
      _mm512_storeu_si512(values + j * p.d + 2 * d, pair);
    }
  }
}

inline __m512bh broadcast_pair(const bf16* p) {
  int32_t pair;
  __builtin_memcpy(&pair, p, sizeof(pair));
  return (__m512bh)_mm512_set1_epi32(pair);
}

inline __m512bh load_pairs(const bf16* p) { return (__m512bh)_mm512_loadu_si512(p); }

// Scores of kRows queries and 16 * N keys.
template <int N>
void score_tile(const bf16* queries, const bf16* keys, int64_t d, float* scores, int64_t stride) {
  __m512 sum[kRows][N];
  for (int r = 0; r < kRows; ++r) {
    for (int i = 0; i < N; ++i) sum[r][i] = _mm512_setzero_ps();
  }
  for (int64_t t = 0; t < d / 2; ++t) {
    __m512bh key[N];
    for (int i = 0; i < N; ++i) key[i] = load_pairs(keys + (i * (d / 2) + t) * 32);
    for (int r = 0; r < kRows; ++r) {
      const __m512bh query = broadcast_pair(queries + r * d + 2 * t);
      for (int i = 0; i < N; ++i) sum[r][i] = _mm512_dpbf16_ps(sum[r][i], query, key[i]);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int i = 0; i < N; ++i) _mm512_storeu_ps(scores + r * stride + 16 * i, sum[r][i]);
  }
}

// One row of scores -> unnormalised weights in bf16; returns 1 / their sum (of the fp32 values).
float soften(float* scores, bf16* weights, int64_t nk, float scale) {
  const int64_t end = padded(nk);
  // Keys that do not exist: as far down as exp2 goes.
  for (int64_t j = nk; j < end; ++j) scores[j] = -__builtin_inff();
  __m512 largest = _mm512_loadu_ps(scores);
  for (int64_t j = 16; j < end; j += 16) {
    largest = _mm512_max_ps(largest, _mm512_loadu_ps(scores + j));
  }
  const __m512 factor = _mm512_set1_ps(scale * kLog2E);
  const __m512 top = _mm512_set1_ps(_mm512_reduce_max_ps(largest) * scale * kLog2E);
  __m512 total = _mm512_setzero_ps();
  for (int64_t j = 0; j < end; j += 16) {
    const __m512 w = exp2(_mm512_fmsub_ps(_mm512_loadu_ps(scores + j), factor, top));
    total = _mm512_add_ps(total, w);
    store(weights + j, w);
  }
  return 1.0f / _mm512_reduce_add_ps(total);
}

// 32 elements of each of kRows results.
void value_tile(const bf16* weights, const bf16* values, int64_t keys, int64_t d,
                const float* inverse, bf16* out, int64_t out_stride, int64_t rows) {
  __m512 sum[kRows][2];
  for (int r = 0; r < kRows; ++r) sum[r][0] = sum[r][1] = _mm512_setzero_ps();
  for (int64_t j = 0; j < keys; j += 2) {
    const __m512bh low = load_pairs(values + j * d);
    const __m512bh high = load_pairs(values + j * d + 32);
    for (int r = 0; r < kRows; ++r) {
      const __m512bh weight = broadcast_pair(weights + r * keys + j);
      sum[r][0] = _mm512_dpbf16_ps(sum[r][0], weight, low);
      sum[r][1] = _mm512_dpbf16_ps(sum[r][1], weight, high);
    }
  }
  for (int r = 0; r < rows; ++r) {
    const __m512 factor = _mm512_set1_ps(inverse[r]);
    store(out + r * out_stride, _mm512_mul_ps(sum[r][0], factor));
    store(out + r * out_stride + 16, _mm512_mul_ps(sum[r][1], factor));
  }
}

void load_queries(const AttentionHead& p, int64_t first, int64_t rows, bf16* queries) {
  for (int64_t r = 0; r < kRows; ++r) {
    // Rows beyond the last repeat it; their results are not written.
    const bf16* from = p.q + (first + (r < rows ? r : rows - 1)) * p.q_stride;
    for (int64_t d = 0; d < p.d; d += 32) {
      _mm512_storeu_si512(queries + r * p.d + d, _mm512_loadu_si512(from + d));
    }
  }
}

}  // namespace

int64_t attention_scratch(int64_t nk, int64_t d) {
  const int64_t keys = padded(nk);
  return (2 * keys * d + kRows * d) * 2 + kRows * keys * 6;
}

void attention(const AttentionHead& p, void* memory) {
  const int64_t keys = padded(p.nk);
  const Scratch s(memory, keys, p.d);
  pack_keys(p, s.keys);
  pack_values(p, s.values);
  for (int64_t first = 0; first < p.nq; first += kRows) {
    const int64_t rows = p.nq - first < kRows ? p.nq - first : kRows;
    load_queries(p, first, rows, s.queries);
    int64_t j = 0;
    for (; j + 32 <= keys; j += 32) {
      score_tile<2>(s.queries, s.keys + j * p.d, p.d, s.scores + j, keys);
    }
    if (j < keys) score_tile<1>(s.queries, s.keys + j * p.d, p.d, s.scores + j, keys);
    float inverse[kRows];
    for (int r = 0; r < kRows; ++r) {
      inverse[r] = soften(s.scores + r * keys, s.weights + r * keys, p.nk, p.scale);
    }
    for (int64_t d = 0; d < p.d; d += 32) {
      value_tile(s.weights, s.values + 2 * d, keys, p.d, inverse, p.out + first * p.out_stride + d,
                 p.out_stride, rows);
    }
  }
}

}  // namespace zoetrope::kernels::avx512

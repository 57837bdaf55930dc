// Queries lie across the lanes, 16 * V of them at a time (V = 1 or 2), keys down: a row of scores
// is one key's with all of them, so that the softmax never sums across a register. Keys are read
// where they are; a pair of neighbouring elements of a key meets the same pair of every query.
// Weights are paired with values by neighbouring keys, for which the values are laid out anew once:
//   queries [d / 2][16 V][2]    values [keys / 2][d][2]    weights [keys / 2][16 V][2]
#include "kernels/attention/attention_avx512.h"

#include "kernels/common/transpose_avx512.h"
#include "kernels/matmul/tile_avx512.h"

namespace zoetrope::kernels::avx512 {
namespace {

constexpr int64_t kBlock = 64;  // keys whose scores are in the first-level cache together
constexpr int kRows = kTileRows;

int64_t even(int64_t n) { return n + n % 2; }

// Sized for V = 2.
struct Scratch {
  bf16* values;
  bf16* queries;
  float* scores;  // [kBlock, 16 V]
  bf16* weights;
  float* sums;  // [d, 16 V]: of weights times values

  Scratch(const AttentionHead& p, void* memory)
      : values(static_cast<bf16*>(memory)),
        queries(values + (even(p.keys[0].count) + even(p.keys[1].count)) * p.d),
        scores(reinterpret_cast<float*>(queries + p.d * 32)),
        weights(reinterpret_cast<bf16*>(scores + kBlock * 32)),
        sums(reinterpret_cast<float*>(weights + kBlock * 32)) {}
};

void pack_values(const AttentionKeys& keys, int64_t d, bf16* values) {
  const auto row = [&](int64_t j, int64_t at) {
    if (j >= keys.count) return _mm512_setzero_si512();
    return _mm512_cvtepu16_epi32(
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(keys.v + j * keys.v_stride + at)));
  };
  for (int64_t j = 0; j < keys.count; j += 2) {
    for (int64_t at = 0; at < d; at += 16) {
      const __m512i pair = _mm512_or_si512(row(j, at), _mm512_slli_epi32(row(j + 1, at), 16));
      _mm512_storeu_si512(values + j * d + 2 * at, pair);
    }
  }
}

template <int V>
void pack_queries(const AttentionHead& p, int64_t first, bf16* queries) {
  for (int v = 0; v < V; ++v) {
    for (int64_t d = 0; d < p.d; d += 32) {
      __m512i rows[16];
      for (int64_t i = 0; i < 16; ++i) {
        const int64_t query = first + 16 * v + i;
        rows[i] = query < p.nq ? _mm512_loadu_si512(p.q + query * p.q_stride + d)
                               : _mm512_setzero_si512();
      }
      transpose(rows);
      for (int i = 0; i < 16; ++i) {
        _mm512_storeu_si512(queries + ((d / 2 + i) * V + v) * 32, rows[i]);
      }
    }
  }
}

template <int V>
struct Softmax {
  __m512 top[V];    // largest score so far, in powers of two
  __m512 total[V];  // of 2^(score - top)
};

// The scores of `count` keys; raises `largest` to the largest.
template <int V>
void score(const bf16* k, int64_t stride, int64_t count, int64_t d, const Scratch& s,
           __m512 (&largest)[V]) {
  const auto keep = [&](const __m512(&row)[V], int64_t j) {
    for (int v = 0; v < V; ++v) {
      _mm512_storeu_ps(s.scores + (j * V + v) * 16, row[v]);
      largest[v] = _mm512_max_ps(largest[v], row[v]);
    }
  };
  int64_t j = 0;
  for (; j + kRows <= count; j += kRows) {
    const Tile<kRows, V> t = multiply<kRows, V>(k + j * stride, stride, s.queries, d / 2);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) keep(t.v[r], j + r);
  }
  for (; j < count; ++j) keep(multiply<1, V>(k + j * stride, stride, s.queries, d / 2).v[0], j);
}

// Scores -> weights in bf16 against the new top; their fp32 values go into the total.
template <int V>
void soften(const Scratch& s, int64_t count, __m512 factor, Softmax<V>& state) {
  const auto weight = [&](int64_t j, int v) {
    if (j >= count) return _mm512_setzero_ps();
    return exp2(
        _mm512_fmsub_ps(_mm512_loadu_ps(s.scores + (j * V + v) * 16), factor, state.top[v]));
  };
  for (int64_t j = 0; j < count; j += 2) {
    for (int v = 0; v < V; ++v) {
      const __m512 first = weight(j, v), second = weight(j + 1, v);
      state.total[v] = _mm512_add_ps(state.total[v], _mm512_add_ps(first, second));
      _mm512_storeu_si512(s.weights + (j / 2 * V + v) * 32, interleave(first, second));
    }
  }
}

// sums = sums * decay + weights * values
template <int V>
void weigh(const Scratch& s, const bf16* values, int64_t count, int64_t d,
           const __m512 (&decay)[V]) {
  for (int64_t row = 0; row < d; row += kRows) {
    float* sums = s.sums + row * V * 16;
    __m512 t[kRows][V];
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      for (int v = 0; v < V; ++v) {
        t[r][v] = _mm512_mul_ps(_mm512_loadu_ps(sums + (r * V + v) * 16), decay[v]);
      }
    }
    const bf16* pairs = values + 2 * row;
    for (int64_t j = 0; j < count; j += 2, pairs += 2 * d) {
      __m512bh weights[V];
      for (int v = 0; v < V; ++v) {
        weights[v] = (__m512bh)_mm512_loadu_si512(s.weights + (j / 2 * V + v) * 32);
      }
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        const __m512bh pair = broadcast_pair(pairs + 2 * r);
        for (int v = 0; v < V; ++v) t[r][v] = _mm512_dpbf16_ps(t[r][v], weights[v], pair);
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      for (int v = 0; v < V; ++v) _mm512_storeu_ps(sums + (r * V + v) * 16, t[r][v]);
    }
  }
}

template <int V>
void finish(const AttentionHead& p, int64_t first, const Scratch& s, const Softmax<V>& state) {
  for (int v = 0; v < V; ++v) {
    const __m512 inverse = _mm512_div_ps(_mm512_set1_ps(1.0f), state.total[v]);
    const auto row = [&](int64_t d) {
      return _mm512_mul_ps(_mm512_loadu_ps(s.sums + (d * V + v) * 16), inverse);
    };
    for (int64_t d = 0; d < p.d; d += 32) {
      __m512i rows[16];
      for (int i = 0; i < 16; ++i) rows[i] = interleave(row(d + 2 * i), row(d + 2 * i + 1));
      transpose(rows);
      for (int64_t i = 0; i < 16 && first + 16 * v + i < p.nq; ++i) {
        _mm512_storeu_si512(p.out + (first + 16 * v + i) * p.out_stride + d, rows[i]);
      }
    }
  }
}

// Queries first .. + 16 V.
template <int V>
void attend(const AttentionHead& p, int64_t first, const Scratch& s) {
  const __m512 factor = _mm512_set1_ps(p.scale * kLog2E);
  pack_queries<V>(p, first, s.queries);
  Softmax<V> state;
  for (int v = 0; v < V; ++v) {
    state.top[v] = _mm512_set1_ps(-__builtin_inff());
    state.total[v] = _mm512_setzero_ps();
  }
  __builtin_memset(s.sums, 0, static_cast<size_t>(p.d) * V * 16 * sizeof(float));
  const bf16* values = s.values;
  for (const AttentionKeys& keys : p.keys) {
    for (int64_t j = 0; j < keys.count; j += kBlock) {
      const int64_t count = keys.count - j < kBlock ? keys.count - j : kBlock;
      __m512 largest[V], decay[V];
      for (int v = 0; v < V; ++v) largest[v] = _mm512_set1_ps(-__builtin_inff());
      score<V>(keys.k + j * keys.k_stride, keys.k_stride, count, p.d, s, largest);
      for (int v = 0; v < V; ++v) {
        const __m512 top = _mm512_max_ps(state.top[v], _mm512_mul_ps(largest[v], factor));
        decay[v] = exp2(_mm512_sub_ps(state.top[v], top));
        state.top[v] = top;
        state.total[v] = _mm512_mul_ps(state.total[v], decay[v]);
      }
      soften<V>(s, count, factor, state);
      weigh<V>(s, values, count, p.d, decay);
      values += even(count) * p.d;
    }
  }
  finish<V>(p, first, s, state);
}

}  // namespace

int64_t attention_scratch(const AttentionHead& p) {
  const Scratch s(p, nullptr);
  return reinterpret_cast<int64_t>(s.sums + p.d * 32);
}

void attention(const AttentionHead& p, void* memory) {
  const Scratch s(p, memory);
  pack_values(p.keys[0], p.d, s.values);
  pack_values(p.keys[1], p.d, s.values + even(p.keys[0].count) * p.d);
  int64_t first = 0;
  for (; p.nq - first > 16; first += 32) attend<2>(p, first, s);
  if (first < p.nq) attend<1>(p, first, s);
}

}  // namespace zoetrope::kernels::avx512

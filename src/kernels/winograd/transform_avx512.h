// The one-dimensional transforms of F(2, 3), for the files compiled for AVX-512 (see
// common/avx512.h): equation 5 of 1509.09308.
#pragma once

#include "kernels/common/avx512.h"

namespace zoetrope::kernels::avx512 {

struct Four {
  __m512 v[4];
};

// B^T d
static inline Four transform_inputs(__m512 a, __m512 b, __m512 c, __m512 d) {
  return {{_mm512_sub_ps(a, c), _mm512_add_ps(b, c), _mm512_sub_ps(c, b), _mm512_sub_ps(b, d)}};
}

struct Two {
  __m512 v[2];
};

// A^T m + (bias, bias)
static inline Two transform_products(const Four& m, __m512 bias) {
  return {{_mm512_add_ps(_mm512_add_ps(m.v[0], m.v[1]), _mm512_add_ps(m.v[2], bias)),
           _mm512_add_ps(_mm512_sub_ps(m.v[1], m.v[2]), _mm512_sub_ps(bias, m.v[3]))}};
}

// G g
static inline void transform_weights(const float* g, float* u) {
  u[0] = g[0];
  u[1] = 0.5f * (g[0] + g[1] + g[2]);
  u[2] = 0.5f * (g[0] - g[1] + g[2]);
  u[3] = g[2];
}

}  // namespace zoetrope::kernels::avx512

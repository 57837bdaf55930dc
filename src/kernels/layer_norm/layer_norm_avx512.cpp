#include "kernels/layer_norm/layer_norm_avx512.h"

#include "kernels/common/avx512.h"

namespace zoetrope::kernels::avx512 {

void layer_norm(const uint16_t* x, const uint16_t* weight, const uint16_t* bias, uint16_t* y,
                int64_t rows, int64_t channels, float eps) {
  alignas(64) float row[kLayerNormMaxChannels];
  const float count = static_cast<float>(channels);
  for (int64_t r = 0; r < rows; ++r, x += channels, y += channels) {
    __m512 sum = _mm512_setzero_ps();
    for (int64_t c = 0; c < channels; c += 16) {
      const __m512 v = load(x + c);
      _mm512_store_ps(row + c, v);
      sum = _mm512_add_ps(sum, v);
    }
    const __m512 mean = _mm512_set1_ps(_mm512_reduce_add_ps(sum) / count);
    __m512 square = _mm512_setzero_ps();
    for (int64_t c = 0; c < channels; c += 16) {
      const __m512 d = _mm512_sub_ps(_mm512_load_ps(row + c), mean);
      _mm512_store_ps(row + c, d);
      square = _mm512_fmadd_ps(d, d, square);
    }
    const float variance = _mm512_reduce_add_ps(square) / count;
    const __m512 rstd = _mm512_set1_ps(1.0f / __builtin_sqrtf(variance + eps));
    for (int64_t c = 0; c < channels; c += 16) {
      const __m512 gain = _mm512_mul_ps(rstd, load(weight + c));
      store(y + c, _mm512_fmadd_ps(_mm512_load_ps(row + c), gain, load(bias + c)));
    }
  }
}

}  // namespace zoetrope::kernels::avx512

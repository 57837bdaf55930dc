#include "kernels/geglu/geglu_avx512.h"

#include "kernels/common/avx512.h"
#include "kernels/geglu/gelu_avx512.h"

namespace zoetrope::kernels::avx512 {

void geglu(const uint16_t* x, uint16_t* y, int64_t rows, int64_t channels) {
  for (int64_t r = 0; r < rows; ++r, x += 2 * channels, y += channels) {
    for (int64_t c = 0; c < channels; c += 16) {
      store(y + c, _mm512_mul_ps(load(x + c), gelu(load(x + channels + c))));
    }
  }
}

}  // namespace zoetrope::kernels::avx512

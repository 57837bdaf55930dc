#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "kernels/geglu/geglu_avx512.h"
#include "ops/avx512_support.h"
#include "ops/problems.h"

namespace zoetrope::ops::avx512 {

bool supports(const GegluProblem& problem) {
  return !problem.grad() && suits(problem.x) && problem.x.size(-1) % 32 == 0;
}

at::Tensor geglu(const GegluProblem& problem) {
  const at::Tensor& x = problem.x;
  const int64_t channels = x.size(-1) / 2;
  auto sizes = x.sizes().vec();
  sizes.back() = channels;
  const at::Tensor y = at::empty(sizes, x.options());
  constexpr int64_t kGrain = 16;  // rows a thread takes at least
  at::parallel_for(0, y.numel() / channels, kGrain, [&](int64_t begin, int64_t end) {
    kernels::avx512::geglu(bits(x) + begin * 2 * channels, mutable_bits(y) + begin * channels,
                           end - begin, channels);
  });
  return y;
}

}  // namespace zoetrope::ops::avx512

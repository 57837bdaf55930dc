#include "kernels/weighted_sum/weighted_sum.h"

#include "kernels/common/vector.cuh"

namespace zoetrope::kernels {
namespace {

constexpr int kThreads = 256;
constexpr int kEach = 4;  // neighbours a thread sums: 16 bytes of fp32, 8 of bf16

__device__ inline float element(const WeightedSum::Term& term, int64_t i) {
  return term.dtype == Dtype::kBfloat16 ? to_float(static_cast<const __nv_bfloat16*>(term.x)[i])
                                        : static_cast<const float*>(term.x)[i];
}

__device__ inline void load_four(const WeightedSum::Term& term, int64_t i, float (&x)[kEach]) {
  if (term.dtype == Dtype::kFloat32) {
    const Floats<float> four = load(static_cast<const float*>(term.x) + i);
#pragma unroll
    for (int k = 0; k < kEach; ++k) x[k] = four.v[k];
    return;
  }
  const uint2 raw = *reinterpret_cast<const uint2*>(static_cast<const __nv_bfloat16*>(term.x) + i);
  const unsigned words[2] = {raw.x, raw.y};
#pragma unroll
  for (int k = 0; k < 2; ++k) {
    x[2 * k] = __uint_as_float(words[k] << 16);
    x[2 * k + 1] = __uint_as_float(words[k] & 0xffff0000u);
  }
}

__global__ void __launch_bounds__(kThreads) weighted_sum_kernel(WeightedSum p) {
  const int64_t first = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * kEach;
  if (first + kEach <= p.count) {
    float sum[kEach] = {};
    for (int j = 0; j < p.term_count; ++j) {
      float x[kEach];
      load_four(p.terms[j], first, x);
#pragma unroll
      for (int k = 0; k < kEach; ++k) sum[k] = fmaf(p.terms[j].weight, x[k], sum[k]);
    }
    store(p.y + first, {{sum[0], sum[1], sum[2], sum[3]}});
    return;
  }
  for (int64_t i = first; i < p.count; ++i) {
    float sum = 0;
    for (int j = 0; j < p.term_count; ++j) {
      sum = fmaf(p.terms[j].weight, element(p.terms[j], i), sum);
    }
    p.y[i] = sum;
  }
}

}  // namespace

cudaError_t weighted_sum(const WeightedSum& p, cudaStream_t stream) {
  constexpr int64_t kMostBlocks = (int64_t{1} << 31) - 1;
  const int64_t blocks = ceil_div(p.count, kThreads * kEach);
  if (blocks <= 0 || blocks > kMostBlocks || p.term_count < 1 || p.term_count > kMostTerms) {
    return cudaErrorInvalidValue;
  }
  return launch(weighted_sum_kernel, dim3(static_cast<unsigned>(blocks)), dim3(kThreads), stream,
                p);
}

}  // namespace zoetrope::kernels

#include "kernels/gather_sum/gather_sum.h"

#include "kernels/common/row.cuh"

namespace zoetrope::kernels {
namespace {

template <class T, int N>
__global__ void __launch_bounds__(kRowMaxLanes) gather_sum_kernel(GatherSum p) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
  if (row >= p.rows) return;
  const T* from = static_cast<const T*>(p.from);
  Floats<T> sum[N];
#pragma unroll
  for (int k = 0; k < N; ++k) {
    const int channel = row_channel<T>(k);
    sum[k] = channel < p.channels ? load(static_cast<const T*>(p.base) + row * p.channels + channel)
                                  : Floats<T>{};
  }
  for (int term = 0; term < p.terms; ++term) {
    const int64_t slot = p.slot[row * p.terms + term];
    const float weight = p.weight[row * p.terms + term];
#pragma unroll
    for (int k = 0; k < N; ++k) {
      const int channel = row_channel<T>(k);
      if (channel >= p.channels) continue;
      const Floats<T> x = load(from + slot * p.channels + channel);
#pragma unroll
      for (int v = 0; v < kWidth<T>; ++v) sum[k].v[v] += weight * x.v[v];
    }
  }
#pragma unroll
  for (int k = 0; k < N; ++k) {
    const int channel = row_channel<T>(k);
    if (channel < p.channels) store(static_cast<T*>(p.y) + row * p.channels + channel, sum[k]);
  }
}

}  // namespace

bool gather_sum_supported(const GatherSum& p) {
  const int width = vector_width(p.dtype);
  return p.rows >= 1 && p.rows < (int64_t{1} << 31) && p.terms >= 1 && p.channels >= width &&
         p.channels % width == 0 && RowLayout(p.channels / width).lanes > 0;
}

cudaError_t gather_sum(const GatherSum& p, cudaStream_t stream) {
  const RowLayout layout(p.channels / vector_width(p.dtype));
  return with_type(p.dtype, [&](auto element) {
    return with_vectors(layout, [&](auto vectors) {
      return launch(gather_sum_kernel<decltype(element), decltype(vectors)::value>,
                    layout.grid(p.rows), layout.block(), stream, p);
    });
  });
}

}  // namespace zoetrope::kernels

#include "kernels/enlarge/enlarge.h"

#include "kernels/common/vector.cuh"

namespace zoetrope::kernels {
namespace {

constexpr int kThreads = 256;

// One vector of the result a thread.
__global__ void __launch_bounds__(kThreads) enlarge_kernel(Enlargement p) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= p.n * p.height * p.width * p.vectors) return;
  const int64_t vector = i % p.vectors, pixel = i / p.vectors;
  const int64_t column = pixel % p.width * p.w / p.width;
  const int64_t row = pixel / p.width % p.height * p.h / p.height;
  const int64_t picture = pixel / p.width / p.height;
  const int64_t from = ((picture * p.h + row) * p.w + column) * p.vectors + vector;
  static_cast<uint4*>(p.y)[i] = static_cast<const uint4*>(p.x)[from];
}

}  // namespace

cudaError_t enlarge(const Enlargement& p, cudaStream_t stream) {
  constexpr int64_t kMostBlocks = (int64_t{1} << 31) - 1;
  const int64_t blocks = ceil_div(p.n * p.height * p.width * p.vectors, kThreads);
  if (blocks <= 0 || blocks > kMostBlocks) return cudaErrorInvalidValue;
  return launch(enlarge_kernel, dim3(static_cast<unsigned long>(blocks)), dim3(kThreads), stream,
                p);
}

}  // namespace zoetrope::kernels

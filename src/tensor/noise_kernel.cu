// Compiled with --fmad=false: the values must equal the CPU's bits.
#include <cuda_runtime.h>

#include "tensor/noise_kernel.h"

namespace zoetrope::tensor {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kMaxBlocks = 4096;  // then the grid strides

template <NoiseKind kKind>
__global__ void noise_kernel(NoiseLaunch launch) {
  const NoiseKey key = launch.device_key == nullptr
                           ? launch.key
                           : NoiseKey{launch.device_key[0], launch.device_key[1]};
  const int64_t stride = static_cast<int64_t>(gridDim.x) * kThreads;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < launch.n;
       i += stride) {
    launch.out[i] = noise_at<kKind>(key, launch.first + static_cast<uint64_t>(i));
  }
}

}  // namespace

int launch_noise(NoiseKind kind, const NoiseLaunch& launch, CUstream_st* stream) {
  if (launch.n == 0) return cudaSuccess;
  const int64_t needed = (launch.n + kThreads - 1) / kThreads;
  const unsigned blocks = static_cast<unsigned>(needed < kMaxBlocks ? needed : kMaxBlocks);
  if (kind == NoiseKind::kGaussian) {
    noise_kernel<NoiseKind::kGaussian><<<blocks, kThreads, 0, stream>>>(launch);
  } else {
    noise_kernel<NoiseKind::kUniform><<<blocks, kThreads, 0, stream>>>(launch);
  }
  return cudaGetLastError();
}

}  // namespace zoetrope::tensor

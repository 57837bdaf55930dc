#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "tensor/noise_backend.h"

namespace zoetrope::tensor {

void fill_noise_cuda(NoiseKind kind, at::Tensor& out, NoiseKey key, uint64_t first,
                     const uint64_t* device_key) {
  const c10::cuda::CUDAGuard guard(out.device());
  const NoiseLaunch launch{out.data_ptr<float>(), out.numel(), first, key, device_key};
  const int error = launch_noise(kind, launch, c10::cuda::getCurrentCUDAStream());
  C10_CUDA_CHECK(static_cast<cudaError_t>(error));
}

}  // namespace zoetrope::tensor

#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <cuda_runtime_api.h>

#include <cstdio>

#include "tensor/device.h"
#include "tensor/device_backend.h"

namespace zoetrope::tensor {

int cuda_device_count() { return c10::cuda::device_count(); }

std::string describe_cuda_device(int index) {
  cudaDeviceProp properties;
  C10_CUDA_CHECK(cudaGetDeviceProperties(&properties, index));
  char rest[96];
  snprintf(rest, sizeof(rest), ", %.1f GiB, %d multiprocessors, compute %d.%d",
           static_cast<double>(properties.totalGlobalMem) / (1024.0 * 1024.0 * 1024.0),
           properties.multiProcessorCount, properties.major, properties.minor);
  return std::string(properties.name) + rest;
}

void synchronize_cuda_device(int index) {
  const c10::cuda::CUDAGuard guard(static_cast<c10::DeviceIndex>(index));
  c10::cuda::device_synchronize();
}

}  // namespace zoetrope::tensor

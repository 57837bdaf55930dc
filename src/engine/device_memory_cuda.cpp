#include <ATen/Context.h>
#include <c10/core/AllocatorConfig.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdlib>

#include "engine/device_memory.h"

namespace zoetrope::engine {

int64_t free_device_bytes(at::Device device) {
  const c10::cuda::CUDAGuard guard(device);
  size_t free = 0, total = 0;
  C10_CUDA_CHECK(cudaMemGetInfo(&free, &total));
  return static_cast<int64_t>(free);
}

void keep_device_memory_whole() {
  for (const char* variable : {"PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF"}) {
    if (std::getenv(variable) != nullptr) return;
  }
  // Blocks that stream are tens of gigabytes of pinned memory, whose pages eight threads make.
  c10::CachingAllocator::setAllocatorSettings(
      "expandable_segments:True,pinned_use_cuda_host_register:True,pinned_num_register_threads:8");
}

void limit_device_bytes(at::Device device, int64_t bytes) {
  const c10::cuda::CUDAGuard guard(device);
  size_t free = 0, total = 0;
  C10_CUDA_CHECK(cudaMemGetInfo(&free, &total));
  at::globalContext().lazyInitDevice(at::kCUDA);  // makes the allocator
  const double fraction = static_cast<double>(bytes) / static_cast<double>(total);
  c10::cuda::CUDACachingAllocator::setMemoryFraction(std::min(1.0, fraction), device.index());
}

}  // namespace zoetrope::engine

#include <c10/cuda/CUDACachingAllocator.h>

#include "tensor/memory.h"

namespace zoetrope::tensor {

int64_t peak_cuda_bytes(at::Device device) {
  using c10::CachingAllocator::StatType;
  const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(device.index());
  return stats.allocated_bytes[static_cast<size_t>(StatType::AGGREGATE)].peak;
}

void reset_peak_cuda_bytes(at::Device device) {
  c10::cuda::CUDACachingAllocator::resetPeakStats(device.index());
}

}  // namespace zoetrope::tensor

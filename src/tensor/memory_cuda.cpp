#include <c10/cuda/CUDACachingAllocator.h>

#include "tensor/memory.h"

namespace zoetrope::tensor {

namespace {

using c10::CachingAllocator::StatType;
constexpr auto kAll = static_cast<size_t>(StatType::AGGREGATE);

}  // namespace

int64_t peak_cuda_bytes(at::Device device) {
  const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(device.index());
  return stats.allocated_bytes[kAll].peak;
}

int64_t peak_reserved_cuda_bytes(at::Device device) {
  const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(device.index());
  return stats.reserved_bytes[kAll].peak;
}

void reset_peak_cuda_bytes(at::Device device) {
  c10::cuda::CUDACachingAllocator::resetPeakStats(device.index());
}

}  // namespace zoetrope::tensor

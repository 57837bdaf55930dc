// Free memory of a GPU, as its driver says.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>

namespace zoetrope::engine {

// Both throw base::Error(kFailedPrecondition) in a build without CUDA.
int64_t free_device_bytes(at::Device device);

// No tensor takes the process beyond `bytes`: torch's allocator fails instead.
void limit_device_bytes(at::Device device, int64_t bytes);

}  // namespace zoetrope::engine

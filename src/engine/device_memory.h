// Free memory of a GPU, as its driver says.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>

namespace zoetrope::engine {

// Throws base::Error(kFailedPrecondition) in a build without CUDA.
int64_t free_device_bytes(at::Device device);

}  // namespace zoetrope::engine

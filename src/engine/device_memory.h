// A GPU's memory: what its driver says is free, and how torch's allocator takes it.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>

namespace zoetrope::engine {

// All throw base::Error(kFailedPrecondition) in a build without CUDA.
int64_t free_device_bytes(at::Device device);

// To be called before the process takes memory of a GPU: torch's allocator then holds each pool in
// one piece that grows, so that what it takes stays near what tensors need (docs/memory.md).
// Settings in the environment (PYTORCH_CUDA_ALLOC_CONF) go first.
void keep_device_memory_whole();

// No tensor takes the process beyond `bytes`: torch's allocator fails instead.
void limit_device_bytes(at::Device device, int64_t bytes);

}  // namespace zoetrope::engine

// The GPU that the CUDA variants run on. Internal to ops.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <string>

#include "base/status.h"

namespace zoetrope::ops::cuda {

using DeviceGuard = c10::cuda::CUDAGuard;

inline bool on_gpu(const at::Tensor& t) { return t.is_cuda(); }

inline cudaStream_t current_stream() { return c10::cuda::getCurrentCUDAStream(); }

inline void check(cudaError_t error, const char* kernel) {
  if (error == cudaSuccess) return;
  throw base::Error(base::StatusCode::kInternal,
                    std::string(kernel) + ": " + cudaGetErrorString(error));
}

}  // namespace zoetrope::ops::cuda

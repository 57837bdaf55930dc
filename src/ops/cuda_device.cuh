// The GPU that the CUDA variants run on. Internal to ops.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <optional>
#include <string>

#include "base/status.h"
#include "tensor/dry_run.h"

namespace zoetrope::ops::cuda {

// Tensors of a dry run are on a GPU where they stand for such; their kernels do not start
// (kernels/common/launch.cuh).
inline bool on_gpu(const at::Tensor& t) { return tensor::stands_for(t.device()).is_cuda(); }

class DeviceGuard {
 public:
  explicit DeviceGuard(at::Device device) {
    if (device.is_cuda()) guard_.emplace(device);
  }

 private:
  std::optional<c10::cuda::CUDAGuard> guard_;
};

// Whether at::_grouped_mm runs without asking the host for the groups' sizes.
inline bool has_grouped_products(at::Device device) {
  return device.is_meta() || at::cuda::getDeviceProperties(device.index())->major >= 9;
}

inline cudaStream_t current_stream() {
  return tensor::in_dry_run() ? nullptr : c10::cuda::getCurrentCUDAStream().stream();
}

inline void check(cudaError_t error, const char* kernel) {
  if (error == cudaSuccess) return;
  throw base::Error(base::StatusCode::kInternal,
                    std::string(kernel) + ": " + cudaGetErrorString(error));
}

}  // namespace zoetrope::ops::cuda

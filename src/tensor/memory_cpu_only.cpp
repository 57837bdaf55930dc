#include "base/status.h"
#include "tensor/memory.h"

namespace zoetrope::tensor {

int64_t peak_cuda_bytes(at::Device) {
  throw base::Error(base::StatusCode::kFailedPrecondition, "GPU memory: built without CUDA");
}

int64_t peak_reserved_cuda_bytes(at::Device) {
  throw base::Error(base::StatusCode::kFailedPrecondition, "GPU memory: built without CUDA");
}

void reset_peak_cuda_bytes(at::Device) {
  throw base::Error(base::StatusCode::kFailedPrecondition, "GPU memory: built without CUDA");
}

}  // namespace zoetrope::tensor

// The answers of a build without CUDA.
#include "base/status.h"
#include "tensor/device.h"
#include "tensor/device_backend.h"

namespace zoetrope::tensor {

int cuda_device_count() { return 0; }

std::string describe_cuda_device(int) { return "not available: built without CUDA"; }

void synchronize_cuda_device(int) {
  throw base::Error(base::StatusCode::kFailedPrecondition, "built without CUDA");
}

}  // namespace zoetrope::tensor

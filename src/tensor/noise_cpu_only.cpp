#include "base/status.h"
#include "tensor/noise_backend.h"

namespace zoetrope::tensor {

void fill_noise_cuda(NoiseKind, at::Tensor&, NoiseKey, uint64_t, const uint64_t*) {
  throw base::Error(base::StatusCode::kFailedPrecondition, "noise on a GPU: built without CUDA");
}

}  // namespace zoetrope::tensor

#include "diffusion/prediction.h"

#include "base/status.h"
#include "tensor/tensor.h"

namespace zoetrope::diffusion {

at::Tensor predicted_x0(Prediction prediction, const at::Tensor& output, const at::Tensor& sample,
                        const NoiseLevel& level) {
  switch (prediction) {
    case Prediction::kEpsilon:
      base::require(level.alpha > 0.0, "an epsilon prediction says nothing at alpha = 0");
      return at::sub(sample, output, level.sigma).div_(level.alpha);
    case Prediction::kV:
      return at::mul(sample, level.alpha).sub_(output, level.sigma);
    case Prediction::kSample:
      return output;
    case Prediction::kFlow:
      return at::sub(sample, output, level.sigma);
  }
  throw base::Error(base::StatusCode::kInternal, "unknown prediction type");
}

}  // namespace zoetrope::diffusion

#include "diffusion/prediction.h"

#include "base/status.h"
#include "ops/weighted_sum.h"
#include "tensor/tensor.h"

namespace zoetrope::diffusion {

at::Tensor predicted_x0(Prediction prediction, const at::Tensor& output, const at::Tensor& sample,
                        const NoiseLevel& level) {
  switch (prediction) {
    case Prediction::kEpsilon:
      base::require(level.alpha > 0.0, "an epsilon prediction says nothing at alpha = 0");
      return ops::weighted_sum({{1 / level.alpha, sample}, {-level.sigma / level.alpha, output}});
    case Prediction::kV:
      return ops::weighted_sum({{level.alpha, sample}, {-level.sigma, output}});
    case Prediction::kSample:
      return output;
    case Prediction::kFlow:
      return ops::weighted_sum({{1, sample}, {-level.sigma, output}});
  }
  throw base::Error(base::StatusCode::kInternal, "unknown prediction type");
}

}  // namespace zoetrope::diffusion

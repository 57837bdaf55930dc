// What a network's output means, and the sample estimate x0 it stands for.
#pragma once

#include <ATen/core/Tensor.h>

#include "diffusion/noise_level.h"

namespace zoetrope::diffusion {

enum class Prediction {
  kEpsilon,  // the noise; has no meaning at alpha = 0
  kV,        // alpha noise - sigma x0 (arXiv 2202.00512)
  kSample,   // x0 itself
  kFlow,     // noise - x0, on a flow schedule
};

// x0 from `output` of the network at `sample` (same shape, same floating dtype).
at::Tensor predicted_x0(Prediction prediction, const at::Tensor& output, const at::Tensor& sample,
                        const NoiseLevel& level);

}  // namespace zoetrope::diffusion

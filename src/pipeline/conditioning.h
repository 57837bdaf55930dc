// Conditioning of several branches and requests in one batch.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "models/denoiser.h"

namespace zoetrope::pipeline {

using Conditioning = models::DenoiserConditioning;

// The parts one after another along the batch; what they share is taken from the first. A single
// part is returned as it is.
Conditioning concatenate(const std::vector<const Conditioning*>& parts);

// Every tensor in a fixed order, for copying one conditioning over another.
// That of one row.
Conditioning row_of(const Conditioning& conditioning, int64_t row);

std::vector<at::Tensor> tensors_of(const Conditioning& conditioning);

}  // namespace zoetrope::pipeline

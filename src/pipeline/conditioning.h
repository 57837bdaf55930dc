// What a U-Net is told besides the noisy sample, for several branches and requests in one batch.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "models/animate_unet/network.h"

namespace zoetrope::pipeline {

using Conditioning = models::AnimateUnet::Conditioning;

// The parts one after another along the batch. A single part is returned as it is.
Conditioning concatenate(const std::vector<const Conditioning*>& parts);

// Every tensor in a fixed order, for copying one conditioning over another.
std::vector<at::Tensor> tensors_of(const Conditioning& conditioning);

}  // namespace zoetrope::pipeline

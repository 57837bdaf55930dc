// What noise.cpp asks of the CUDA build or of its stub.
#pragma once

#include "tensor/noise_kernel.h"
#include "tensor/tensor.h"

namespace zoetrope::tensor {

// `out`: contiguous fp32 on a GPU. `device_key`: see NoiseLaunch.
void fill_noise_cuda(NoiseKind kind, at::Tensor& out, NoiseKey key, uint64_t first,
                     const uint64_t* device_key);

}  // namespace zoetrope::tensor

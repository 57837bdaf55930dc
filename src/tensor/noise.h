// Deterministic noise: element i of the row-major result is a pure function of (seed, stream,
// first_index + i), see base/philox.h. It depends on neither shape, batch, thread count nor device:
// the CPU and CUDA give equal bits. So noise drawn in slices equals noise drawn whole, and a shard
// draws its own part by its first index.
//
// CUDA work goes to the current stream of the tensor's device; nothing synchronises.
#pragma once

#include <cstdint>

#include "tensor/tensor.h"

namespace zoetrope::tensor {

// fp32, contiguous, standard normal.
at::Tensor gaussian_noise(at::IntArrayRef shape, uint64_t seed, uint64_t stream,
                          uint64_t first_index, at::Device device);

// fp32, contiguous, uniform in the open interval (0, 1).
at::Tensor uniform_noise(at::IntArrayRef shape, uint64_t seed, uint64_t stream,
                         uint64_t first_index, at::Device device);

// The same from index 0, with (seed, stream) read from `key`, int64[2] on the device of `out`, when
// the work runs. A captured CUDA graph that holds this call draws fresh noise on every replay after
// the key was changed in place. `out`: fp32, contiguous, filled in place.
void gaussian_noise_(at::Tensor& out, const at::Tensor& key);
void uniform_noise_(at::Tensor& out, const at::Tensor& key);

}  // namespace zoetrope::tensor

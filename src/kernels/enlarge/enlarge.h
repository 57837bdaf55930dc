// Nearest-neighbour enlargement of channels-last pictures: x [n, h, w, c] -> y [n, height, width,
// c], row i of which is row floor(i h / height) of x, columns alike. Any element type: whole
// 16-byte vectors are copied. The caller owns both buffers; nothing is allocated, nothing waits for
// the stream.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace zoetrope::kernels {

struct Enlargement {
  int64_t n = 0, h = 0, w = 0;
  int64_t height = 0, width = 0;
  int64_t vectors = 0;      // of 16 bytes, in a pixel
  const void* x = nullptr;  // both contiguous and 16-byte aligned
  void* y = nullptr;
};

cudaError_t enlarge(const Enlargement& problem, cudaStream_t stream);

}  // namespace zoetrope::kernels

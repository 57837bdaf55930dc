// The frames that each frame's convolution sees, side by side as channels: a convolution over
// frames becomes one over pixels. Optionally silu(RMS norm * gamma) of the frames on the way, fp32
// inside.
//
//   stacked[b, t, p, j, :] = source frame t + j of b, at pixel p
//
// where the source frames are the `taps - 1` frames of `before`, already normed, then those of x.
// `after` receives the last taps - 1 source frames. The caller owns every buffer; nothing is
// allocated and nothing waits for the stream.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels/common/dtype.h"

namespace zoetrope::kernels {

struct FrameStackShape {
  int64_t clips = 0, frames = 0, pixels = 0;
  int channels = 0;
  int taps = 3;
  Dtype dtype = Dtype::kFloat32;
};

struct FrameStack {
  FrameStackShape shape;
  const void* x = nullptr;       // [clips, frames, pixels, channels]
  const void* before = nullptr;  // [clips, taps - 1, pixels, channels]; null: zeros
  const void* gamma = nullptr;   // [channels]; null: x goes as it is
  float eps = 0;
  void* stacked = nullptr;  // [clips, frames, pixels, taps, channels]
  void* after = nullptr;    // as before
};

// Channels fill whole 16-byte vectors, at most 1,024 of them (2,048 in 16 bits).
bool frame_stack_supported(const FrameStackShape& shape);

// Every tensor is contiguous and 16-byte aligned.
cudaError_t frame_stack(const FrameStack& problem, cudaStream_t stream);

}  // namespace zoetrope::kernels

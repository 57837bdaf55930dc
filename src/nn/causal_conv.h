// Causal convolutions over clips: a frame sees itself and frames before it, never later ones. So a
// clip can be worked off in chunks, each layer keeping the last frames it saw, in memory that does
// not grow with the clip.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "ops/causal_conv.h"
#include "weights/parameters.h"

namespace zoetrope::nn {

// What the layers of one network keep between the chunks of one clip. Every chunk must ask the same
// layers in the same order. One clip, one thread at a time.
class FrameCache {
 public:
  void begin_chunk() {
    next_ = 0;
    ++chunks_;
  }
  bool first_chunk() const { return chunks_ == 1; }
  // The frames [b, f, h, w, c] of the layer that asks; undefined until it leaves some.
  at::Tensor& next() {
    if (next_ == slots_.size()) slots_.emplace_back();
    return slots_[next_++];
  }

 private:
  std::deque<at::Tensor> slots_;
  size_t next_ = 0;
  int64_t chunks_ = 0;
};

// Convolution over frames, rows and columns, [b, f, h, w, in] -> [b, f', h, w, out], weight
// [out, in, kernel...]. Frames before the clip and pixels outside the picture count as zeros.
// Immutable after construction; any thread may call it, with a cache of its own.
class CausalConv3d {
 public:
  struct Options {
    std::array<int64_t, 3> kernel = {3, 3, 3};  // odd
    int64_t frame_stride = 1;
  };
  CausalConv3d(const weights::Scope& scope, int64_t in, int64_t out, const Options& options);
  // Of the cached frames and x, the next chunk; then caches the last ones. What `fusion` names runs
  // in the same passes over memory where it can.
  at::Tensor operator()(const at::Tensor& x, FrameCache& cache,
                        const ops::CausalConvFusion& fusion = {}) const;
  // Caches the last frames of x, which must have as many as are kept, without a result.
  void remember(const at::Tensor& x, FrameCache& cache) const;
  at::ScalarType dtype() const { return weight_.weight.scalar_type(); }

 private:
  ops::CausalConvWeight weight_;
};

}  // namespace zoetrope::nn

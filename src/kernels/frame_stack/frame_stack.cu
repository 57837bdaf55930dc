// A pixel of a source frame is a row held in registers, written to every place where a frame sees
// it.
#include "kernels/frame_stack/frame_stack.h"

#include "kernels/common/row.cuh"

namespace zoetrope::kernels {
namespace frame_stack_detail {
namespace {

// silu(x / sqrt(mean(x^2) + eps) * gamma). Every lane takes part, also beyond the row's end.
template <class T, int N>
__device__ inline void norm(const FrameStack& p, Floats<T> (&x)[N]) {
  constexpr int V = kWidth<T>;
  float square = 0;
#pragma unroll
  for (int k = 0; k < N; ++k) {
#pragma unroll
    for (int v = 0; v < V; ++v) square += x[k].v[v] * x[k].v[v];
  }
  const float rms =
      1.0f / sqrtf(over_row<Sum, 0>(square) / static_cast<float>(p.shape.channels) + p.eps);
#pragma unroll
  for (int k = 0; k < N; ++k) {
    const int channel = row_channel<T>(k);
    if (channel >= p.shape.channels) continue;
    const Floats<T> gamma = load(static_cast<const T*>(p.gamma) + channel);
#pragma unroll
    for (int v = 0; v < V; ++v) {
      const float y = x[k].v[v] * rms * gamma.v[v];
      x[k].v[v] = y * sigmoid(y);
    }
  }
}

template <class T, int N>
__device__ inline void put(const FrameStack& p, const Floats<T> (&x)[N], void* to, int64_t row) {
#pragma unroll
  for (int k = 0; k < N; ++k) {
    const int channel = row_channel<T>(k);
    if (channel < p.shape.channels) {
      store(static_cast<T*>(to) + row * p.shape.channels + channel, x[k]);
    }
  }
}

template <class T, int N>
__global__ void __launch_bounds__(kRowMaxLanes) kernel(FrameStack p) {
  const FrameStackShape& s = p.shape;
  const int64_t kept = s.taps - 1, sources = s.frames + kept;
  const RowPlace at = row_place(s.clips * sources, s.pixels);
  const int64_t pixel = at.row, source = at.batch % sources, clip = at.batch / sources;
  const bool old = source < kept;
  const void* from = old ? p.before : p.x;
  const int64_t from_row = old ? (clip * kept + source) * s.pixels + pixel
                               : (clip * s.frames + source - kept) * s.pixels + pixel;
  Floats<T> x[N];
#pragma unroll
  for (int k = 0; k < N; ++k) {
    const int channel = row_channel<T>(k);
    x[k] = {};
    if (from != nullptr && channel < s.channels) {
      x[k] = load(static_cast<const T*>(from) + from_row * s.channels + channel);
    }
  }
  if (p.gamma != nullptr) {
    // Neighbours may hold rows of both kinds, and the sums are the whole warp's.
    Floats<T> normed[N];
#pragma unroll
    for (int k = 0; k < N; ++k) normed[k] = x[k];
    norm<T, N>(p, normed);
#pragma unroll
    for (int k = 0; k < N; ++k) x[k] = old ? x[k] : normed[k];
  }
  if (!at.live) return;
  for (int tap = 0; tap < s.taps; ++tap) {
    const int64_t frame = source - tap;
    if (frame < 0 || frame >= s.frames) continue;
    put<T, N>(p, x, p.stacked, ((clip * s.frames + frame) * s.pixels + pixel) * s.taps + tap);
  }
  if (source >= s.frames) {
    put<T, N>(p, x, p.after, (clip * kept + source - s.frames) * s.pixels + pixel);
  }
}

template <class T>
cudaError_t run(const FrameStack& p, cudaStream_t stream) {
  const FrameStackShape& s = p.shape;
  const RowLayout layout(s.channels / kWidth<T>);
  const int64_t rows = s.clips * (s.frames + s.taps - 1) * s.pixels;
  return with_vectors(layout, [&](auto vectors) {
    return launch(kernel<T, decltype(vectors)::value>, layout.grid(rows), layout.block(), stream,
                  p);
  });
}

}  // namespace
}  // namespace frame_stack_detail

bool frame_stack_supported(const FrameStackShape& s) {
  constexpr int64_t kMostRows = int64_t{1} << 31;
  const int width = vector_width(s.dtype);
  return s.taps > 1 && s.channels > 0 && s.channels % width == 0 &&
         RowLayout(s.channels / width).lanes > 0 && s.clips > 0 && s.frames > 0 && s.pixels > 0 &&
         s.clips * (s.frames + s.taps) * s.pixels < kMostRows;
}

cudaError_t frame_stack(const FrameStack& p, cudaStream_t stream) {
  if (!frame_stack_supported(p.shape)) return cudaErrorInvalidValue;
  return with_type(p.shape.dtype,
                   [&](auto type) { return frame_stack_detail::run<decltype(type)>(p, stream); });
}

}  // namespace zoetrope::kernels

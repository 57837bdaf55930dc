// What kernels that hold whole rows in registers share: which threads hold what, sums and maxima
// over a row in a fixed order, and rows of e4m3 with a scale of their own.
//
// A row is held by `lanes` neighbouring threads, N 16-byte vectors each, vector k of a lane at
// channel (k * lanes + lane) * width. Up to a warp's worth of lanes share their block with other
// rows; beyond that a row is a block. The layout depends on the channels alone, and so does what
// comes out of a row.
#pragma once

#include <cuda_fp8.h>

#include <type_traits>

#include "kernels/common/row_view.h"
#include "kernels/common/vector.cuh"

namespace zoetrope::kernels {

inline constexpr int kRowThreads = 256;  // of a block whose rows share it
inline constexpr int kRowMaxLanes = 512;
inline constexpr int kRowMaxVectors = 4;
inline constexpr int kDeepVectors = 6;  // of rows that are asked for all at once

struct RowLayout {
  int lanes = 0;  // 0: no layout takes such rows
  int vectors = 0;
  int pieces = 1;     // a row may lie in several blocks,
  int64_t piece = 0;  // this many vectors in each but the last

  // For rows of `needed` vectors; at least `least` lanes, a power of two up to 32. Takes the layout
  // that leaves the fewest lanes idle, and of those the one with the fewest vectors a lane.
  explicit constexpr RowLayout(int64_t needed, int least = 1)
      : RowLayout(needed, least, kRowMaxVectors, kRowMaxLanes + 1) {}

  // The same with the most vectors a lane that still fill a warp. What an H200 needs is 30 kB on
  // their way to each multiprocessor all the time, and into fp8 it has time for about twenty
  // instructions an element: what a lane does once a row must be shared by many of them.
  static constexpr RowLayout deep(int64_t needed, int least = 1) {
    return RowLayout(needed, least, kDeepVectors, 32);
  }

  // For rows whose runs of `least` vectors have nothing to do with one another: several blocks to a
  // row where that keeps them small.
  static constexpr RowLayout cut(int64_t needed, int least = 1) {
    const int64_t pieces = ceil_div(needed, kRowThreads * kRowMaxVectors);
    const int64_t piece = ceil_div(ceil_div(needed, pieces), least) * least;
    RowLayout layout(piece, least, kRowMaxVectors, 32);
    layout.pieces = static_cast<int>(pieces);
    return layout;
  }

  // No lane is idle.
  constexpr bool fills(int64_t needed) const {
    return int64_t{lanes} * vectors == piece && pieces * piece == needed;
  }
  constexpr int rows() const { return lanes <= 32 ? kRowThreads / lanes : 1; }
  dim3 block() const { return dim3(lanes, rows()); }
  dim3 grid(int64_t total) const {
    return dim3(static_cast<unsigned>(ceil_div(total, rows())), pieces);
  }

 private:
  // Among layouts with as few idle lanes, takes more vectors a lane down to `deepest` lanes.
  constexpr RowLayout(int64_t needed, int least, int most_vectors, int deepest) : piece(needed) {
    int64_t cost = int64_t{1} << 62;
    for (int n = 1; n <= most_vectors; ++n) {
      const int64_t l = lanes_for(ceil_div(needed, n), least);
      if (l > kRowMaxLanes || l * n > cost || (l * n == cost && l < deepest)) continue;
      cost = l * n;
      lanes = static_cast<int>(l);
      vectors = n;
    }
  }
  static constexpr int64_t lanes_for(int64_t wanted, int64_t least) {
    if (wanted > 32) return ceil_div(wanted, 32) * 32;
    int64_t lanes = least;
    while (lanes < wanted) lanes *= 2;
    return lanes;
  }
};

// Calls f with the layout's vectors, `Most` at most, as a constant.
template <int Most = kRowMaxVectors, class F>
cudaError_t with_vectors(const RowLayout& layout, F f) {
  if constexpr (Most == 0) {
    return cudaErrorInvalidValue;
  } else {
    if (layout.vectors == Most) return f(std::integral_constant<int, Most>{});
    return with_vectors<Most - 1>(layout, f);
  }
}

// A row among those of the block; every thread takes part in sums, also those of rows beyond the
// last, which hold row 0 and store nothing.
struct RowPlace {
  unsigned batch, row, index;
  bool live;
};

__device__ inline RowPlace row_place(int64_t batches, int64_t rows) {
  const unsigned index = blockIdx.x * blockDim.y + threadIdx.y;
  const bool live = index < batches * rows;
  const unsigned safe = live ? index : 0, each = static_cast<unsigned>(rows);
  return {safe / each, safe % each, safe, live};
}

template <class T>
__device__ inline int row_channel(int k) {
  return (k * blockDim.x + threadIdx.x) * kWidth<T>;
}

// The vectors of its row's piece that a thread works on, all but the last pieces `piece` channels
// long. kFull: the launch leaves no thread a vector beyond the end, and nobody asks.
template <class T, bool kFull = false>
struct RowVectors {
  unsigned first, step, end;

  __device__ explicit RowVectors(unsigned channels)  // of a row in one piece
      : first(threadIdx.x * kWidth<T>), step(blockDim.x * kWidth<T>), end(channels) {}
  __device__ RowVectors(unsigned piece, unsigned channels) : RowVectors(channels) {
    first += blockIdx.y * piece;
    if (channels - blockIdx.y * piece > piece) end = (blockIdx.y + 1) * piece;
  }
  __device__ unsigned channel(int k) const { return first + k * step; }
  __device__ bool inside(int k) const { return kFull || channel(k) < end; }

  // Where vector k is, of a row of whatever elements. In this form it is one instruction each.
  template <class Element>
  __device__ Element* of(Element* row, int k) const {
    return row + first + static_cast<uint64_t>(step) * k;
  }
};

// Asks for N vectors of a row that are read once: they leave the caches first, not what rows
// share. Zeros beyond the row's end.
template <int N, class T, bool kFull>
__device__ inline void load_once(const T* row, const RowVectors<T, kFull>& vectors,
                                 uint4 (&to)[N]) {
#pragma unroll
  for (int k = 0; k < N; ++k) {
    to[k] =
        vectors.inside(k) ? __ldcs(reinterpret_cast<const uint4*>(vectors.of(row, k))) : uint4{};
  }
}

// Of T or, where the view says so, fp32; calls f with a value of the element type.
template <class T, class F>
__device__ inline void with_element(Dtype dtype, F f) {
  if constexpr (kWidth<T> == 8) {
    if (dtype != Dtype::kFloat32) return f(T{});
  }
  f(float{});
}

// As many values as a vector of T has.
template <class T, class Element>
__device__ inline Floats<T> load_as(const Element* from) {
  if constexpr (kWidth<T> == kWidth<Element>) {
    const Floats<Element> f = load(from);
    Floats<T> out;
#pragma unroll
    for (int v = 0; v < kWidth<T>; ++v) out.v[v] = f.v[v];
    return out;
  } else {
    const Floats<Element> low = load(from), high = load(from + kWidth<Element>);
    return {{low.v[0], low.v[1], low.v[2], low.v[3], high.v[0], high.v[1], high.v[2], high.v[3]}};
  }
}

template <class Element>
__device__ inline const Element* row_of(const RowView& view, const RowPlace& at) {
  return static_cast<const Element*>(view.data) + at.batch * view.batch_stride +
         at.row * view.row_stride;
}

template <class Element>
__device__ inline Element* row_of(const RowTarget& target, const RowPlace& at) {
  return static_cast<Element*>(target.data) + at.batch * target.batch_stride +
         at.row * target.row_stride;
}

struct Sum {
  __device__ static float of(float a, float b) { return a + b; }
};
struct LargestOrNan {
  __device__ static float of(float a, float b) { return b > a || b != b ? b : a; }
};

// Over the lanes of a row. Every thread of the block must call it; calls that may be under way at
// once (in one kernel: any two) have different slots.
template <class Op, int Slot>
__device__ inline float over_row(float x) {
  const int lanes = blockDim.x < 32 ? blockDim.x : 32;
  for (int step = lanes / 2; step > 0; step /= 2) {
    x = Op::of(x, __shfl_xor_sync(0xffffffffu, x, step));
  }
  if (blockDim.x <= 32) return x;
  __shared__ float of_warp[kRowMaxLanes / 32];
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = x;
  __syncthreads();
  x = of_warp[0];
  for (unsigned warp = 1; warp < blockDim.x / 32; ++warp) x = Op::of(x, of_warp[warp]);
  return x;
}

// The scale of a row whose largest magnitude is this: never zero, so that a row of zeros stays one,
// and NaN where the row has one.
__device__ inline float fp8_scale(float largest) {
  constexpr float kLargestFp8 = 448.0f, kSmallest = 0x1p-100f;
  const float scale = largest / kLargestFp8;
  return scale < kSmallest ? kSmallest : scale;
}

// Four values to e4m3, saturated.
__device__ inline unsigned to_fp8(const float* x) {
  const unsigned low = __nv_cvt_float2_to_fp8x2(make_float2(x[0], x[1]), __NV_SATFINITE, __NV_E4M3);
  const unsigned high =
      __nv_cvt_float2_to_fp8x2(make_float2(x[2], x[3]), __NV_SATFINITE, __NV_E4M3);
  return low | high << 16;
}

// x * factor as e4m3 at `to`, which is aligned to as many bytes as there are values.
template <int V>
__device__ inline void store_fp8(unsigned char* to, const float (&x)[V], float factor) {
  unsigned words[V / 4];
#pragma unroll
  for (int i = 0; i < V / 4; ++i) {
    const float scaled[4] = {x[4 * i] * factor, x[4 * i + 1] * factor, x[4 * i + 2] * factor,
                             x[4 * i + 3] * factor};
    words[i] = to_fp8(scaled);
  }
  if constexpr (V == 8) {
    *reinterpret_cast<uint2*>(to) = make_uint2(words[0], words[1]);
  } else {
    *reinterpret_cast<unsigned*>(to) = words[0];
  }
}

}  // namespace zoetrope::kernels

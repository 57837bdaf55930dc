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

struct RowLayout {
  int lanes = 0;  // 0: no layout takes such rows
  int vectors = 0;

  // For rows of `needed` vectors; at least `least` lanes, a power of two up to 32. Takes the layout
  // that leaves the fewest lanes idle, and of those the one with the fewest vectors a lane:
  // registers decide how many rows are under way (measured: four vectors a lane keep a fifth of an
  // H200's warps busy).
  explicit constexpr RowLayout(int64_t needed, int least = 1) {
    int64_t cost = int64_t{1} << 62;
    for (int n = 1; n <= kRowMaxVectors; ++n) {
      const int64_t l = lanes_for(ceil_div(needed, n), least);
      if (l > kRowMaxLanes || l * n >= cost) continue;
      cost = l * n;
      lanes = static_cast<int>(l);
      vectors = n;
    }
  }
  int rows() const { return lanes <= 32 ? kRowThreads / lanes : 1; }
  dim3 block() const { return dim3(lanes, rows()); }
  dim3 grid(int64_t total) const { return dim3(static_cast<unsigned>(ceil_div(total, rows()))); }

 private:
  static constexpr int64_t lanes_for(int64_t wanted, int64_t least) {
    if (wanted > 32) return ceil_div(wanted, 32) * 32;
    int64_t lanes = least;
    while (lanes < wanted) lanes *= 2;
    return lanes;
  }
};

// Calls f with the layout's vectors as a constant.
template <class F>
cudaError_t with_vectors(const RowLayout& layout, F f) {
  switch (layout.vectors) {
    case 1:
      return f(std::integral_constant<int, 1>{});
    case 2:
      return f(std::integral_constant<int, 2>{});
    case 3:
      return f(std::integral_constant<int, 3>{});
    case 4:
      return f(std::integral_constant<int, 4>{});
    default:
      return cudaErrorInvalidValue;
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

// Row (batch, i) of a view, and a vector's worth of it from a channel on, as wide as one of T.
template <class T>
__device__ inline Floats<T> load_row(const RowView& view, unsigned batch, unsigned i, int channel) {
  const int64_t at = batch * view.batch_stride + i * view.row_stride + channel;
  if constexpr (kWidth<T> == 8) {
    if (view.dtype == Dtype::kFloat32) {
      const Floats<float> low = load(static_cast<const float*>(view.data) + at);
      const Floats<float> high = load(static_cast<const float*>(view.data) + at + 4);
      return {{low.v[0], low.v[1], low.v[2], low.v[3], high.v[0], high.v[1], high.v[2], high.v[3]}};
    }
  }
  return load(static_cast<const T*>(view.data) + at);
}

template <class T>
__device__ inline void store_row(const RowTarget& target, unsigned batch, unsigned i, int channel,
                                 const Floats<T>& x) {
  store(
      static_cast<T*>(target.data) + batch * target.batch_stride + i * target.row_stride + channel,
      x);
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

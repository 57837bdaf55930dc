// How a group norm problem is cut into blocks. The cut depends on the sample's shape only, never on
// the batch, so a sample's bytes are the same alone and in company.
#pragma once

#include "kernels/common/column_sum.cuh"
#include "kernels/group_norm/group_norm.h"

namespace zoetrope::kernels::group_norm {

inline constexpr int kMaxLanes = 512;
inline constexpr int kMaxChannels = kMaxLanes * 8;
inline constexpr int kNarrowGroup = 128;     // channels; most groups are, and need little memory
inline constexpr int kVectorsPerThread = 8;  // at least: fewer would make the partial sums heavy
inline constexpr int kMaxChunks = 1024;      // of a sample: a GPU's worth of blocks
inline constexpr int kLoads = 4;             // that a thread has under way
inline constexpr int kJoinThreads = 512;     // at most, of the blocks that join partial sums

struct Plan {
  int lanes;      // threads across the channels, one vector each
  int rows;       // positions a block reads at once
  int64_t chunk;  // positions a block works through
  int chunks;     // blocks per sample

  explicit Plan(const GroupNormShape& s)
      : lanes(s.channels / vector_width(s.dtype)),
        rows(lanes >= kColumnSumThreads ? 1 : kColumnSumThreads / lanes),
        chunk(rows * kVectorsPerThread) {
    const int64_t wanted = ceil_div(s.positions, static_cast<int64_t>(rows) * kMaxChunks);
    if (wanted > kVectorsPerThread) chunk = rows * wanted;
    chunks = static_cast<int>(ceil_div(s.positions, chunk));
  }

  dim3 block() const { return dim3(lanes, rows); }
  dim3 grid(int64_t n) const { return dim3(static_cast<unsigned>(n * chunks)); }

  // For one block a group: whole warps, no more threads than there is to add up.
  dim3 join_block(const GroupNormShape& s) const {
    const int64_t values = static_cast<int64_t>(s.channels / s.groups) * chunks;
    return dim3(
        static_cast<unsigned>(values < kJoinThreads ? ceil_div(values, 32) * 32 : kJoinThreads));
  }
};

// What a thread of a pass works on: positions first + threadIdx.y, blockDim.y apart, before last.
struct Place {
  int64_t sample, first, last, start;  // start: of the sample at the thread's channel
  int channel;

  __device__ Place(const GroupNormShape& s, const Plan& plan, unsigned index, int width)
      : sample(index / plan.chunks),
        first(index % plan.chunks * plan.chunk),
        last(min(first + plan.chunk, s.positions)),
        start(sample * s.positions * s.channels + threadIdx.x * width),
        channel(threadIdx.x * width) {}
};

// Vectors at position i and those that the thread reads next. All are asked for before any is used,
// which a plain loop does not do where something is stored in between; past the end, the last one.
template <class T, int N>
__device__ inline void load_ahead(Floats<T> (&to)[N], const T* from, int64_t i, const Place& at,
                                  int channels) {
#pragma unroll
  for (int k = 0; k < N; ++k) {
    to[k] = load(from + min(i + static_cast<int64_t>(k) * blockDim.y, at.last - 1) * channels);
  }
}

// Adds up the partial sums [chunks, 2, channels] of the `width` channels from `first` on, in a
// fixed order, into `a` and `b` (shared memory). Every thread of the block must call it.
__device__ inline void join_chunks(const float* partial, int chunks, int channels, int first,
                                   int width, float* a, float* b) {
  __shared__ float sums[2][kJoinThreads];
  const int threads = blockDim.x, span = width < threads ? width : threads;
  const int shares = threads / span, share = threadIdx.x / span;
  for (int base = 0; base < width; base += span) {
    const int c = base + static_cast<int>(threadIdx.x) % span;
    float sum_a = 0, sum_b = 0;
    if (share < shares && c < width) {
      const float* column = partial + first + c;
#pragma unroll 8
      for (int i = share; i < chunks; i += shares) {
        sum_a += column[static_cast<int64_t>(i) * 2 * channels];
        sum_b += column[(static_cast<int64_t>(i) * 2 + 1) * channels];
      }
    }
    sums[0][threadIdx.x] = sum_a;
    sums[1][threadIdx.x] = sum_b;
    __syncthreads();
    if (share == 0 && c < width) {
      for (int other = 1; other < shares; ++other) {
        sum_a += sums[0][other * span + threadIdx.x];
        sum_b += sums[1][other * span + threadIdx.x];
      }
      a[c] = sum_a;
      b[c] = sum_b;
    }
    __syncthreads();
  }
}

// The sum of f(c) over a group's channels, by one warp.
template <class F>
__device__ inline float over_group(int width, F f) {
  float sum = 0;
  for (int c = threadIdx.x; c < width; c += 32) sum += f(c);
  for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, step);
  return sum;
}

// The affine step of V neighbouring channels of one sample, folded: z = xhat * gain + offset.
template <class T>
struct Folded {
  float gain[kWidth<T>];
  float offset[kWidth<T>];

  __device__ Folded(const GroupNormAffine& p, int64_t sample, int channel) {
    const Floats<T> w = load(static_cast<const T*>(p.weight) + channel);
    const Floats<T> b = load(static_cast<const T*>(p.bias) + channel);
    const int64_t row = sample * p.modulation_stride + channel;
#pragma unroll
    for (int v = 0; v < kWidth<T>; ++v) {
      const float s = p.scale ? 1 + to_float(static_cast<const T*>(p.scale)[row + v]) : 1.0f;
      const float t = p.scale ? to_float(static_cast<const T*>(p.shift)[row + v]) : 0.0f;
      gain[v] = w.v[v] * s;
      offset[v] = b.v[v] * s + t;
    }
  }
};

// Statistics of the groups that V neighbouring channels belong to.
template <class T>
struct Moments {
  float mean[kWidth<T>];
  float rstd[kWidth<T>];

  __device__ Moments(const float* means, const float* rstds, const GroupNormShape& s,
                     int64_t sample, int channel) {
    const int width = s.channels / s.groups;
#pragma unroll
    for (int v = 0; v < kWidth<T>; ++v) {
      const int64_t slot = sample * s.groups + (channel + v) / width;
      mean[v] = means[slot];
      rstd[v] = rstds[slot];
    }
  }
};

}  // namespace zoetrope::kernels::group_norm

// How a group norm problem is cut into blocks. The cut depends on the sample's shape only, never on
// the batch, so a sample's bytes are the same alone and in company.
#pragma once

#include "kernels/common/column_sum.cuh"
#include "kernels/group_norm/group_norm.h"

namespace zoetrope::kernels::group_norm {

inline constexpr int kMaxLanes = 512;
inline constexpr int kMaxChannels = kMaxLanes * 8;
inline constexpr int kVectorsPerThread = 8;  // 4 is as fast on big inputs but doubles the partials

struct Plan {
  int lanes;       // threads across the channels, one vector each
  int rows;        // positions a block has in flight
  int chunk;       // positions a block works through
  int64_t chunks;  // blocks per sample

  explicit Plan(const GroupNormShape& s)
      : lanes(s.channels / vector_width(s.dtype)),
        rows(lanes >= kColumnSumThreads ? 1 : kColumnSumThreads / lanes),
        chunk(rows * kVectorsPerThread),
        chunks(ceil_div(s.positions, chunk)) {}

  dim3 block() const { return dim3(lanes, rows); }
  dim3 grid(int64_t n) const { return dim3(static_cast<unsigned>(n * chunks)); }
};

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

#include "kernels/norm_rotate/norm_rotate.h"

#include "kernels/common/row.cuh"

namespace zoetrope::kernels {
namespace {

bool is_power_of_two(int x) { return x > 0 && (x & (x - 1)) == 0; }

// Lanes that hold one head, where they must be neighbours in one warp; else 1.
int head_lanes(const NormRotate& p) {
  const bool by_head = (p.weight != nullptr && !p.across) || (p.cosine.data != nullptr && p.halves);
  return by_head ? p.head_dim / vector_width(p.dtype) : 1;
}

RowLayout layout_of(const NormRotate& p) {
  return RowLayout(static_cast<int64_t>(p.heads) * p.head_dim / vector_width(p.dtype),
                   head_lanes(p));
}

template <int V>
__device__ inline float square_sum(const float (&x)[V]) {
  float sum = 0;
#pragma unroll
  for (int v = 0; v < V; ++v) sum += x[v] * x[v];
  return sum;
}

template <int V>
__device__ inline void load_floats(const float* from, float (&to)[V]) {
  if constexpr (V % 4 == 0) {
#pragma unroll
    for (int i = 0; i < V; i += 4) {
      const Floats<float> four = load(from + i);
#pragma unroll
      for (int v = 0; v < 4; ++v) to[i + v] = four.v[v];
    }
  } else {
#pragma unroll
    for (int v = 0; v < V; ++v) to[v] = from[v];
  }
}

template <class T, int N>
__device__ inline void normalise(const NormRotate& p, Floats<T> (&x)[N]) {
  constexpr int V = kWidth<T>;
  const int channels = p.heads * p.head_dim;
  float rstd[N];
  if (p.across) {
    float sum = 0;
#pragma unroll
    for (int k = 0; k < N; ++k) sum += square_sum(x[k].v);
    const float mean = over_row<Sum, 0>(sum) / static_cast<float>(channels);
#pragma unroll
    for (int k = 0; k < N; ++k) rstd[k] = 1.0f / sqrtf(mean + p.eps);
  } else {
#pragma unroll
    for (int k = 0; k < N; ++k) {
      float sum = square_sum(x[k].v);
      for (int step = p.head_dim / V / 2; step > 0; step /= 2) {
        sum += __shfl_xor_sync(0xffffffffu, sum, step);
      }
      rstd[k] = 1.0f / sqrtf(sum / static_cast<float>(p.head_dim) + p.eps);
    }
  }
#pragma unroll
  for (int k = 0; k < N; ++k) {
    const int channel = row_channel<T>(k);
    if (channel >= channels) continue;
    const int at = p.across ? channel : channel % p.head_dim;
    const Floats<T> weight = load(static_cast<const T*>(p.weight) + at);
#pragma unroll
    for (int v = 0; v < V; ++v) x[k].v[v] *= rstd[k] * weight.v[v];
  }
}

// Pairs of neighbours lie within a vector.
template <class T>
__device__ inline void turn_neighbours(Floats<T>& x, const float* cosine, const float* sine) {
  float c[kWidth<T> / 2], s[kWidth<T> / 2];
  load_floats(cosine, c);
  load_floats(sine, s);
#pragma unroll
  for (int i = 0; i < kWidth<T> / 2; ++i) {
    const float a = x.v[2 * i], b = x.v[2 * i + 1];
    x.v[2 * i] = a * c[i] - b * s[i];
    x.v[2 * i + 1] = a * s[i] + b * c[i];
  }
}

// The other of a pair is with the lane half a head away: `other`; `sign` is -1 for the first
// halves.
template <class T>
__device__ inline void turn_halves(Floats<T>& x, const Floats<T>& other, float sign,
                                   const float* cosine, const float* sine) {
  float c[kWidth<T>], s[kWidth<T>];
  load_floats(cosine, c);
  load_floats(sine, s);
#pragma unroll
  for (int v = 0; v < kWidth<T>; ++v) x.v[v] = x.v[v] * c[v] + sign * other.v[v] * s[v];
}

template <class T, int N>
__device__ inline void turn(const NormRotate& p, unsigned batch, unsigned token,
                            Floats<T> (&x)[N]) {
  constexpr int V = kWidth<T>;
  const float* cosine = static_cast<const float*>(p.cosine.data) + batch * p.cosine.batch_stride +
                        token * p.cosine.row_stride;
  const float* sine = static_cast<const float*>(p.sine.data) + batch * p.sine.batch_stride +
                      token * p.sine.row_stride;
#pragma unroll
  for (int k = 0; k < N; ++k) {
    const int channel = row_channel<T>(k);
    const int within = channel % p.head_dim;
    if (!p.halves) {
      if (channel < p.heads * p.head_dim) {
        turn_neighbours<T>(x[k], cosine + within / 2, sine + within / 2);
      }
      continue;
    }
    Floats<T> other;
#pragma unroll
    for (int v = 0; v < V; ++v) {
      other.v[v] = __shfl_xor_sync(0xffffffffu, x[k].v[v], p.head_dim / 2 / V);
    }
    const int pair = within % (p.head_dim / 2);
    turn_halves<T>(x[k], other, within == pair ? -1.0f : 1.0f, cosine + pair, sine + pair);
  }
}

template <class T, int N>
__global__ void __launch_bounds__(kRowMaxLanes) norm_rotate_kernel(NormRotate p) {
  const int channels = p.heads * p.head_dim;
  const RowPlace at = row_place(p.batches, p.tokens);
  Floats<T> x[N];
#pragma unroll
  for (int k = 0; k < N; ++k) {
    const int channel = row_channel<T>(k);
    x[k] = channel < channels ? load_row<T>(p.x, at.batch, at.row, channel) : Floats<T>{};
  }
  if (p.weight != nullptr) normalise<T, N>(p, x);
  if (p.cosine.data != nullptr) turn<T, N>(p, at.batch, at.row, x);
#pragma unroll
  for (int k = 0; k < N; ++k) {
    const int channel = row_channel<T>(k);
    if (at.live && channel < channels) store_row<T>(p.y, at.batch, at.row, channel, x[k]);
  }
}

}  // namespace

bool norm_rotate_supported(const NormRotate& p) {
  const int width = vector_width(p.dtype);
  if (p.batches < 1 || p.tokens < 1 || p.tokens >= (int64_t{1} << 31) / p.batches) return false;
  if (p.heads < 1 || p.head_dim < width || p.head_dim % width != 0) return false;
  const int lanes = head_lanes(p);
  if (!is_power_of_two(lanes) || lanes > 32) return false;
  if (p.cosine.data != nullptr && p.halves && p.head_dim < 2 * width) return false;
  return layout_of(p).lanes > 0;
}

cudaError_t norm_rotate(const NormRotate& p, cudaStream_t stream) {
  const RowLayout layout = layout_of(p);
  return with_type(p.dtype, [&](auto element) {
    return with_vectors(layout, [&](auto vectors) {
      return launch(norm_rotate_kernel<decltype(element), decltype(vectors)::value>,
                    layout.grid(p.batches * p.tokens), layout.block(), stream, p);
    });
  });
}

}  // namespace zoetrope::kernels

#include "kernels/group_norm/plan.cuh"

namespace zoetrope::kernels {
namespace group_norm {
namespace {

// Per-channel sums of (x - pivot) and its square over one chunk -> partial [n, chunks, 2,
// channels]. The pivot, the channel's first value, keeps the squares from cancelling when |mean| >>
// deviation.
template <class T>
__global__ void partial_sums(GroupNormForward p, Plan plan) {
  constexpr int V = kWidth<T>;
  const int channels = p.shape.channels;
  const Place at(p.shape, plan, blockIdx.x, V);
  const T* x = static_cast<const T*>(p.x) + at.start;
  const Floats<T> pivot = load(x);
  float sum[V] = {}, square[V] = {};
  for (int64_t i = at.first + threadIdx.y; i < at.last; i += kLoads * blockDim.y) {
    Floats<T> f[kLoads];
    load_ahead(f, x, i, at, channels);
#pragma unroll
    for (int k = 0; k < kLoads; ++k) {
      if (i + k * blockDim.y >= at.last) break;
#pragma unroll
      for (int v = 0; v < V; ++v) {
        const float d = f[k].v[v] - pivot.v[v];
        sum[v] += d;
        square[v] += d * d;
      }
    }
  }
  float* out = p.workspace + static_cast<int64_t>(blockIdx.x) * 2 * channels;
  store_column_sums(sum, square, 0, channels, out, out + channels);
}

// Joins the chunks, then the channels of a group (Chan's rule) -> mean, rstd. One block a group.
template <class T, int Widest>
__global__ void finalise(GroupNormForward p, int chunks) {
  __shared__ float mean[Widest];
  __shared__ float square[Widest];
  const int channels = p.shape.channels, width = channels / p.shape.groups;
  const int64_t sample = blockIdx.x / p.shape.groups;
  const int first = static_cast<int>(blockIdx.x % p.shape.groups) * width;
  join_chunks(p.workspace + sample * chunks * 2 * channels, chunks, channels, first, width, mean,
              square);
  if (threadIdx.x >= 32) return;
  const T* pivot = static_cast<const T*>(p.x) + sample * p.shape.positions * channels + first;
  const float count = static_cast<float>(p.shape.positions);
  for (int c = threadIdx.x; c < width; c += 32) {
    const float shift = mean[c] / count;
    square[c] -= mean[c] * shift;
    mean[c] = to_float(pivot[c]) + shift;
  }
  __syncwarp();
  const float base = mean[0];
  const float centre =
      base + over_group(width, [&](int c) { return mean[c] - base; }) / static_cast<float>(width);
  const float squares = over_group(width, [&](int c) {
    const float d = mean[c] - centre;
    return square[c] + count * d * d;
  });
  if (threadIdx.x != 0) return;
  const float variance = fmaxf(squares / (count * static_cast<float>(width)), 0.0f);
  p.mean[blockIdx.x] = centre;
  p.rstd[blockIdx.x] = 1.0f / sqrtf(variance + p.affine.eps);
}

// y from x and the statistics. Walks the input backwards: the end of x is what the first pass left
// in the cache.
template <class T>
__global__ void normalise(GroupNormForward p, Plan plan) {
  constexpr int V = kWidth<T>;
  const int channels = p.shape.channels;
  const Place at(p.shape, plan, gridDim.x - 1 - blockIdx.x, V);
  const Moments<T> m(p.mean, p.rstd, p.shape, at.sample, at.channel);
  Folded<T> fold(p.affine, at.sample, at.channel);
#pragma unroll
  for (int v = 0; v < V; ++v) fold.gain[v] *= m.rstd[v];
  const T* x = static_cast<const T*>(p.x) + at.start;
  T* y = static_cast<T*>(p.y) + at.start;
  for (int64_t i = at.first + threadIdx.y; i < at.last; i += kLoads * blockDim.y) {
    Floats<T> f[kLoads];
    load_ahead(f, x, i, at, channels);
#pragma unroll
    for (int k = 0; k < kLoads; ++k) {
      const int64_t position = i + k * blockDim.y;
      if (position >= at.last) break;
#pragma unroll
      for (int v = 0; v < V; ++v) {
        const float z = (f[k].v[v] - m.mean[v]) * fold.gain[v] + fold.offset[v];
        f[k].v[v] = p.affine.silu ? z * sigmoid(z) : z;
      }
      store(y + position * channels, f[k]);
    }
  }
}

template <class T>
cudaError_t forward(const GroupNormForward& p, cudaStream_t stream) {
  const GroupNormShape& s = p.shape;
  const Plan plan(s);
  const bool narrow = s.channels / s.groups <= kNarrowGroup;
  const dim3 grid = plan.grid(s.n);
  cudaError_t error = launch(partial_sums<T>, grid, plan.block(), stream, p, plan);
  if (error != cudaSuccess) return error;
  error = launch(narrow ? finalise<T, kNarrowGroup> : finalise<T, kMaxChannels>,
                 dim3(static_cast<unsigned>(s.n * s.groups)), plan.join_block(s), stream, p,
                 plan.chunks);
  if (error != cudaSuccess) return error;
  return launch(normalise<T>, grid, plan.block(), stream, p, plan);
}

}  // namespace
}  // namespace group_norm

bool group_norm_supported(const GroupNormShape& s) {
  const int width = vector_width(s.dtype);
  if (s.n < 1 || s.positions < 1 || s.channels < width || s.groups < 1) return false;
  if (s.channels % width != 0 || s.channels % s.groups != 0) return false;
  if (s.channels / width > group_norm::kMaxLanes) return false;
  constexpr int64_t kMostBlocks = int64_t{1} << 31;
  return s.n * s.groups < kMostBlocks && s.n * group_norm::Plan(s).chunks < kMostBlocks;
}

int64_t group_norm_workspace(const GroupNormShape& s) {
  // Partial sums; the backward pass adds per-sample sums and per-group terms.
  return s.n * ((group_norm::Plan(s).chunks + 1) * 2 * s.channels + 2 * s.groups);
}

cudaError_t group_norm_forward(const GroupNormForward& p, cudaStream_t stream) {
  return with_type(p.shape.dtype,
                   [&](auto element) { return group_norm::forward<decltype(element)>(p, stream); });
}

}  // namespace zoetrope::kernels

#include "kernels/group_norm/plan.cuh"

namespace zoetrope::kernels {
namespace group_norm {
namespace {

// Per-channel sums of (x - pivot) and its square over one chunk -> partial [n, chunks, 2,
// channels]. The pivot, the channel's first value, keeps the squares from cancelling when |mean| >>
// deviation.
template <class T>
__global__ void partial_sums(GroupNormForward p, int64_t chunks, int chunk) {
  constexpr int V = kWidth<T>;
  const int channels = p.shape.channels;
  const int64_t sample = blockIdx.x / chunks;
  const int64_t first = blockIdx.x % chunks * chunk;
  const int64_t last = min(first + chunk, p.shape.positions);
  const int channel = threadIdx.x * V;
  const T* x = static_cast<const T*>(p.x) + sample * p.shape.positions * channels + channel;
  const Floats<T> pivot = load(x);
  float sum[V] = {}, square[V] = {};
#pragma unroll 4
  for (int64_t i = first + threadIdx.y; i < last; i += blockDim.y) {
    const Floats<T> f = load(x + i * channels);
#pragma unroll
    for (int v = 0; v < V; ++v) {
      const float d = f.v[v] - pivot.v[v];
      sum[v] += d;
      square[v] += d * d;
    }
  }
  float* out = p.workspace + static_cast<int64_t>(blockIdx.x) * 2 * channels;
  store_column_sums(sum, square, 0, channels, out, out + channels);
}

// Joins chunks, then the channels of each group (Chan's rule) -> mean, rstd. One block a sample.
template <class T>
__global__ void finalise(GroupNormForward p, int64_t chunks) {
  __shared__ float mean[kMaxChannels];
  __shared__ float square[kMaxChannels];
  const int channels = p.shape.channels;
  const int64_t sample = blockIdx.x;
  const float* partial = p.workspace + sample * chunks * 2 * channels;
  const T* pivot = static_cast<const T*>(p.x) + sample * p.shape.positions * channels;
  const float count = static_cast<float>(p.shape.positions);
  for (int c = threadIdx.x; c < channels; c += blockDim.x) {
    float s1 = 0, s2 = 0;
#pragma unroll 8
    for (int64_t i = 0; i < chunks; ++i) {
      s1 += partial[i * 2 * channels + c];
      s2 += partial[(i * 2 + 1) * channels + c];
    }
    const float shift = s1 / count;
    mean[c] = to_float(pivot[c]) + shift;
    square[c] = s2 - s1 * shift;
  }
  __syncthreads();
  const int width = channels / p.shape.groups;
  for (int g = threadIdx.x; g < p.shape.groups; g += blockDim.x) {
    const float first = mean[g * width];
    float centre = 0;
    for (int c = g * width; c < (g + 1) * width; ++c) centre += mean[c] - first;
    centre = first + centre / static_cast<float>(width);
    float squares = 0;
    for (int c = g * width; c < (g + 1) * width; ++c) {
      const float d = mean[c] - centre;
      squares += square[c] + count * d * d;
    }
    const float variance = fmaxf(squares / (count * static_cast<float>(width)), 0.0f);
    p.mean[sample * p.shape.groups + g] = centre;
    p.rstd[sample * p.shape.groups + g] = 1.0f / sqrtf(variance + p.affine.eps);
  }
}

// y from x and the statistics. Walks the input backwards: the end of x is what the first pass left
// in the cache.
template <class T>
__global__ void normalise(GroupNormForward p, int64_t chunks, int chunk) {
  constexpr int V = kWidth<T>;
  const int channels = p.shape.channels;
  const int64_t index = gridDim.x - 1 - blockIdx.x;
  const int64_t sample = index / chunks;
  const int64_t first = index % chunks * chunk;
  const int64_t last = min(first + chunk, p.shape.positions);
  const int channel = threadIdx.x * V;
  const Moments<T> m(p.mean, p.rstd, p.shape, sample, channel);
  Folded<T> fold(p.affine, sample, channel);
#pragma unroll
  for (int v = 0; v < V; ++v) fold.gain[v] *= m.rstd[v];
  const int64_t offset = sample * p.shape.positions * channels + channel;
  const T* x = static_cast<const T*>(p.x) + offset;
  T* y = static_cast<T*>(p.y) + offset;
#pragma unroll 4
  for (int64_t i = first + threadIdx.y; i < last; i += blockDim.y) {
    Floats<T> f = load(x + i * channels);
#pragma unroll
    for (int v = 0; v < V; ++v) {
      const float z = (f.v[v] - m.mean[v]) * fold.gain[v] + fold.offset[v];
      f.v[v] = p.affine.silu ? z * sigmoid(z) : z;
    }
    store(y + i * channels, f);
  }
}

template <class T>
cudaError_t forward(const GroupNormForward& p, cudaStream_t stream) {
  const Plan plan(p.shape);
  const dim3 grid = plan.grid(p.shape.n);
  cudaError_t error =
      launch(partial_sums<T>, grid, plan.block(), stream, p, plan.chunks, plan.chunk);
  if (error != cudaSuccess) return error;
  error = launch(finalise<T>, dim3(p.shape.n), dim3(256), stream, p, plan.chunks);
  if (error != cudaSuccess) return error;
  return launch(normalise<T>, grid, plan.block(), stream, p, plan.chunks, plan.chunk);
}

}  // namespace
}  // namespace group_norm

bool group_norm_supported(const GroupNormShape& s) {
  const int width = vector_width(s.dtype);
  if (s.n < 1 || s.positions < 1 || s.channels < width || s.groups < 1) return false;
  if (s.channels % width != 0 || s.channels % s.groups != 0) return false;
  if (s.channels / width > group_norm::kMaxLanes) return false;
  return s.n * group_norm::Plan(s).chunks < (int64_t{1} << 31);
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

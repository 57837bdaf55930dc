// With dz = dy * act'(z), A = sum over positions of dz and B = sum of dz * xhat, per channel:
//   dshift = A, dscale = weight B + bias A, dbias = sum_n (1 + scale) A, dweight = sum_n (1+scale)
//   B, dx = rstd (dz gain - mean_group(gain dz) - xhat mean_group(gain dz xhat)), gain = weight
//   (1+scale).
// z is computed again from x: storing it would cost as much memory traffic as reading x.
#include "kernels/group_norm/plan.cuh"

namespace zoetrope::kernels {
namespace group_norm {
namespace {

// Regions of the workspace after the partial sums.
struct Scratch {
  float* partial;  // [n, chunks, 2, channels]: A and B of each chunk
  float* sums;     // [n, 2, channels]: (1 + scale) A and (1 + scale) B
  float* group;    // [n, groups, 2]: the two means over the group

  Scratch(const GroupNormBackward& p, int64_t chunks)
      : partial(p.workspace),
        sums(partial + p.shape.n * chunks * 2 * p.shape.channels),
        group(sums + p.shape.n * 2 * p.shape.channels) {}
};

__device__ inline float activation_slope(float z) {
  const float s = sigmoid(z);
  return s * (1 + z * (1 - s));
}

template <class T>
__global__ void partial_sums(GroupNormBackward p, float* partial, int64_t chunks, int chunk) {
  constexpr int V = kWidth<T>;
  const int channels = p.shape.channels;
  const int64_t sample = blockIdx.x / chunks;
  const int64_t first = blockIdx.x % chunks * chunk;
  const int64_t last = min(first + chunk, p.shape.positions);
  const int channel = threadIdx.x * V;
  const Moments<T> m(p.mean, p.rstd, p.shape, sample, channel);
  const Folded<T> fold(p.affine, sample, channel);
  const int64_t offset = sample * p.shape.positions * channels + channel;
  const T* x = static_cast<const T*>(p.x) + offset;
  const T* dy = static_cast<const T*>(p.dy) + offset;
  float a[V] = {}, b[V] = {};
#pragma unroll 2
  for (int64_t i = first + threadIdx.y; i < last; i += blockDim.y) {
    const Floats<T> fx = load(x + i * channels);
    const Floats<T> fy = load(dy + i * channels);
#pragma unroll
    for (int v = 0; v < V; ++v) {
      const float xhat = (fx.v[v] - m.mean[v]) * m.rstd[v];
      const float z = xhat * fold.gain[v] + fold.offset[v];
      const float dz = p.affine.silu ? fy.v[v] * activation_slope(z) : fy.v[v];
      a[v] += dz;
      b[v] += dz * xhat;
    }
  }
  float* out = partial + static_cast<int64_t>(blockIdx.x) * 2 * channels;
  store_column_sums(a, b, 0, channels, out, out + channels);
}

// Joins the chunks of one sample: dscale, dshift, and what dx and the weight gradients need.
template <class T>
__global__ void finalise(GroupNormBackward p, Scratch scratch, int64_t chunks) {
  __shared__ float gained[2][kMaxChannels];
  const int channels = p.shape.channels;
  const int64_t sample = blockIdx.x;
  const float* partial = scratch.partial + sample * chunks * 2 * channels;
  float* sums = scratch.sums + sample * 2 * channels;
  for (int c = threadIdx.x; c < channels; c += blockDim.x) {
    float a = 0, b = 0;
#pragma unroll 8
    for (int64_t i = 0; i < chunks; ++i) {
      a += partial[i * 2 * channels + c];
      b += partial[(i * 2 + 1) * channels + c];
    }
    const float weight = to_float(static_cast<const T*>(p.affine.weight)[c]);
    float scale = 1;
    if (p.affine.scale) {
      const int64_t row = sample * p.affine.modulation_stride + c;
      scale += to_float(static_cast<const T*>(p.affine.scale)[row]);
      const float bias = to_float(static_cast<const T*>(p.affine.bias)[c]);
      assign(static_cast<T*>(p.dscale)[sample * channels + c], weight * b + bias * a);
      assign(static_cast<T*>(p.dshift)[sample * channels + c], a);
    }
    sums[c] = scale * a;
    sums[channels + c] = scale * b;
    gained[0][c] = weight * scale * a;
    gained[1][c] = weight * scale * b;
  }
  __syncthreads();
  const int width = channels / p.shape.groups;
  const float count = static_cast<float>(p.shape.positions) * static_cast<float>(width);
  for (int i = threadIdx.x; i < 2 * p.shape.groups; i += blockDim.x) {
    const int g = i / 2;
    float total = 0;
    for (int c = g * width; c < (g + 1) * width; ++c) total += gained[i % 2][c];
    scratch.group[sample * 2 * p.shape.groups + i] = total / count;
  }
}

template <class T>
__global__ void input_gradient(GroupNormBackward p, const float* group, int64_t chunks, int chunk) {
  constexpr int V = kWidth<T>;
  const int channels = p.shape.channels;
  const int width = channels / p.shape.groups;
  const int64_t index = gridDim.x - 1 - blockIdx.x;  // backwards, as in the forward pass
  const int64_t sample = index / chunks;
  const int64_t first = index % chunks * chunk;
  const int64_t last = min(first + chunk, p.shape.positions);
  const int channel = threadIdx.x * V;
  const Moments<T> m(p.mean, p.rstd, p.shape, sample, channel);
  const Folded<T> fold(p.affine, sample, channel);
  float mean_dz[V], mean_dz_xhat[V];
#pragma unroll
  for (int v = 0; v < V; ++v) {
    const float* term = group + 2 * (sample * p.shape.groups + (channel + v) / width);
    mean_dz[v] = term[0];
    mean_dz_xhat[v] = term[1];
  }
  const int64_t offset = sample * p.shape.positions * channels + channel;
  const T* x = static_cast<const T*>(p.x) + offset;
  const T* dy = static_cast<const T*>(p.dy) + offset;
  T* dx = static_cast<T*>(p.dx) + offset;
#pragma unroll 2
  for (int64_t i = first + threadIdx.y; i < last; i += blockDim.y) {
    const Floats<T> fx = load(x + i * channels);
    Floats<T> fy = load(dy + i * channels);
#pragma unroll
    for (int v = 0; v < V; ++v) {
      const float xhat = (fx.v[v] - m.mean[v]) * m.rstd[v];
      const float z = xhat * fold.gain[v] + fold.offset[v];
      const float dz = p.affine.silu ? fy.v[v] * activation_slope(z) : fy.v[v];
      fy.v[v] = m.rstd[v] * (dz * fold.gain[v] - mean_dz[v] - xhat * mean_dz_xhat[v]);
    }
    store(dx + i * channels, fy);
  }
}

template <class T>
cudaError_t backward(const GroupNormBackward& p, cudaStream_t stream) {
  const Plan plan(p.shape);
  const Scratch scratch(p, plan.chunks);
  const dim3 grid = plan.grid(p.shape.n);
  cudaError_t error = launch(partial_sums<T>, grid, plan.block(), stream, p, scratch.partial,
                             plan.chunks, plan.chunk);
  if (error != cudaSuccess) return error;
  error = launch(finalise<T>, dim3(p.shape.n), dim3(256), stream, p, scratch, plan.chunks);
  if (error != cudaSuccess) return error;
  error = sum_rows(scratch.sums, p.shape.n, p.shape.channels, static_cast<T*>(p.dbias),
                   static_cast<T*>(p.dweight), stream);
  if (error != cudaSuccess) return error;
  return launch(input_gradient<T>, grid, plan.block(), stream, p, scratch.group, plan.chunks,
                plan.chunk);
}

}  // namespace
}  // namespace group_norm

cudaError_t group_norm_backward(const GroupNormBackward& p, cudaStream_t stream) {
  return with_type(p.shape.dtype, [&](auto element) {
    return group_norm::backward<decltype(element)>(p, stream);
  });
}

}  // namespace zoetrope::kernels

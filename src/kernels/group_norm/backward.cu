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

// Half of a pass's loads are x, half dy.
inline constexpr int kPairs = kLoads / 2;

struct BeforeAffine {
  float xhat, dz;  // the normed value, and the gradient of what the activation is given
};

template <class T>
__device__ inline BeforeAffine before_affine(const GroupNormBackward& p, const Moments<T>& m,
                                             const Folded<T>& fold, int v, float x, float dy) {
  const float xhat = (x - m.mean[v]) * m.rstd[v];
  const float z = xhat * fold.gain[v] + fold.offset[v];
  return {xhat, p.affine.silu ? dy * activation_slope(z) : dy};
}

template <class T>
__global__ void partial_sums(GroupNormBackward p, float* partial, Plan plan) {
  constexpr int V = kWidth<T>;
  const int channels = p.shape.channels;
  const Place at(p.shape, plan, blockIdx.x, V);
  const Moments<T> m(p.mean, p.rstd, p.shape, at.sample, at.channel);
  const Folded<T> fold(p.affine, at.sample, at.channel);
  const T* x = static_cast<const T*>(p.x) + at.start;
  const T* dy = static_cast<const T*>(p.dy) + at.start;
  float a[V] = {}, b[V] = {};
  for (int64_t i = at.first + threadIdx.y; i < at.last; i += kPairs * blockDim.y) {
    Floats<T> fx[kPairs], fy[kPairs];
    load_ahead(fx, x, i, at, channels);
    load_ahead(fy, dy, i, at, channels);
#pragma unroll
    for (int k = 0; k < kPairs; ++k) {
      if (i + k * blockDim.y >= at.last) break;
#pragma unroll
      for (int v = 0; v < V; ++v) {
        const auto [xhat, dz] = before_affine(p, m, fold, v, fx[k].v[v], fy[k].v[v]);
        a[v] += dz;
        b[v] += dz * xhat;
      }
    }
  }
  float* out = partial + static_cast<int64_t>(blockIdx.x) * 2 * channels;
  store_column_sums(a, b, 0, channels, out, out + channels);
}

// Joins the chunks: dscale, dshift, and what dx and the weight gradients need. One block a group.
template <class T, int Widest>
__global__ void finalise(GroupNormBackward p, Scratch scratch, int chunks) {
  __shared__ float sum_a[Widest];
  __shared__ float sum_b[Widest];
  const int channels = p.shape.channels, width = channels / p.shape.groups;
  const int64_t sample = blockIdx.x / p.shape.groups;
  const int first = static_cast<int>(blockIdx.x % p.shape.groups) * width;
  join_chunks(scratch.partial + sample * chunks * 2 * channels, chunks, channels, first, width,
              sum_a, sum_b);
  if (threadIdx.x >= 32) return;
  float* sums = scratch.sums + sample * 2 * channels + first;
  for (int i = threadIdx.x; i < width; i += 32) {
    const int c = first + i;
    const float a = sum_a[i], b = sum_b[i];
    const float weight = to_float(static_cast<const T*>(p.affine.weight)[c]);
    float scale = 1;
    if (p.affine.scale) {
      const int64_t row = sample * p.affine.modulation_stride + c;
      scale += to_float(static_cast<const T*>(p.affine.scale)[row]);
      const float bias = to_float(static_cast<const T*>(p.affine.bias)[c]);
      assign(static_cast<T*>(p.dscale)[sample * channels + c], weight * b + bias * a);
      assign(static_cast<T*>(p.dshift)[sample * channels + c], a);
    }
    sums[i] = scale * a;
    sums[channels + i] = scale * b;
    sum_a[i] = weight * scale * a;
    sum_b[i] = weight * scale * b;
  }
  __syncwarp();
  const float total_a = over_group(width, [&](int c) { return sum_a[c]; });
  const float total_b = over_group(width, [&](int c) { return sum_b[c]; });
  if (threadIdx.x != 0) return;
  const float count = static_cast<float>(p.shape.positions) * static_cast<float>(width);
  scratch.group[2 * blockIdx.x] = total_a / count;
  scratch.group[2 * blockIdx.x + 1] = total_b / count;
}

template <class T>
__global__ void input_gradient(GroupNormBackward p, const float* group, Plan plan) {
  constexpr int V = kWidth<T>;
  const int channels = p.shape.channels;
  const int width = channels / p.shape.groups;
  const Place at(p.shape, plan, gridDim.x - 1 - blockIdx.x, V);  // backwards, as forward does
  const Moments<T> m(p.mean, p.rstd, p.shape, at.sample, at.channel);
  const Folded<T> fold(p.affine, at.sample, at.channel);
  float mean_dz[V], mean_dz_xhat[V];
#pragma unroll
  for (int v = 0; v < V; ++v) {
    const float* term = group + 2 * (at.sample * p.shape.groups + (at.channel + v) / width);
    mean_dz[v] = term[0];
    mean_dz_xhat[v] = term[1];
  }
  const T* x = static_cast<const T*>(p.x) + at.start;
  const T* dy = static_cast<const T*>(p.dy) + at.start;
  T* dx = static_cast<T*>(p.dx) + at.start;
  for (int64_t i = at.first + threadIdx.y; i < at.last; i += kPairs * blockDim.y) {
    Floats<T> fx[kPairs], fy[kPairs];
    load_ahead(fx, x, i, at, channels);
    load_ahead(fy, dy, i, at, channels);
#pragma unroll
    for (int k = 0; k < kPairs; ++k) {
      const int64_t position = i + k * blockDim.y;
      if (position >= at.last) break;
#pragma unroll
      for (int v = 0; v < V; ++v) {
        const auto [xhat, dz] = before_affine(p, m, fold, v, fx[k].v[v], fy[k].v[v]);
        fy[k].v[v] = m.rstd[v] * (dz * fold.gain[v] - mean_dz[v] - xhat * mean_dz_xhat[v]);
      }
      store(dx + position * channels, fy[k]);
    }
  }
}

template <class T>
cudaError_t backward(const GroupNormBackward& p, cudaStream_t stream) {
  const GroupNormShape& s = p.shape;
  const Plan plan(s);
  const bool narrow = s.channels / s.groups <= kNarrowGroup;
  const Scratch scratch(p, plan.chunks);
  const dim3 grid = plan.grid(s.n);
  cudaError_t error = launch(partial_sums<T>, grid, plan.block(), stream, p, scratch.partial, plan);
  if (error != cudaSuccess) return error;
  error = launch(narrow ? finalise<T, kNarrowGroup> : finalise<T, kMaxChannels>,
                 dim3(static_cast<unsigned>(s.n * s.groups)), plan.join_block(s), stream, p,
                 scratch, plan.chunks);
  if (error != cudaSuccess) return error;
  error = sum_rows(scratch.sums, s.n, s.channels, static_cast<T*>(p.dbias),
                   static_cast<T*>(p.dweight), stream);
  if (error != cudaSuccess) return error;
  return launch(input_gradient<T>, grid, plan.block(), stream, p, scratch.group, plan);
}

}  // namespace
}  // namespace group_norm

cudaError_t group_norm_backward(const GroupNormBackward& p, cudaStream_t stream) {
  return with_type(p.shape.dtype, [&](auto element) {
    return group_norm::backward<decltype(element)>(p, stream);
  });
}

}  // namespace zoetrope::kernels

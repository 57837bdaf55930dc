// A row is held in the registers of `lanes` neighbouring threads (a power of two, at most a warp),
// N vectors each, vector k of a lane at channel (k * lanes + lane) * width.
#include "kernels/layer_norm/layer_norm.h"

#include "kernels/common/column_sum.cuh"

namespace zoetrope::kernels {
namespace layer_norm {
namespace {

constexpr int kThreads = kColumnSumThreads;
constexpr int kMaxChannels = 1024;
constexpr int64_t kBackwardBlocks = 528;  // four for each of an H200's 132 processors

struct Layout {
  int lanes = 1;
  int vectors = 1;  // 1, 2, 4 or 8

  explicit Layout(const LayerNormShape& s) {
    const int needed = s.channels / vector_width(s.dtype);
    while (lanes < 32 && lanes < needed) lanes *= 2;
    while (lanes * vectors < needed) vectors *= 2;
  }
  int rows() const { return kThreads / lanes; }
  dim3 block() const { return dim3(lanes, rows()); }
};

__device__ inline float sum_lanes(float x) {
  for (int step = blockDim.x / 2; step > 0; step /= 2) x += __shfl_xor_sync(0xffffffffu, x, step);
  return x;
}

template <class T>
__device__ inline int channel_of(int k) {
  return (k * blockDim.x + threadIdx.x) * kWidth<T>;
}

// Zero beyond the row's end, and for rows beyond the last: every lane takes part in the sums.
template <class T>
__device__ inline Floats<T> load_or_zero(const void* base, int64_t row, const LayerNormShape& s,
                                         int channel) {
  if (row >= s.rows || channel >= s.channels) return {};
  return load(static_cast<const T*>(base) + row * s.channels + channel);
}

template <class T, int N>
__global__ void __launch_bounds__(kThreads) forward_kernel(LayerNormForward p) {
  constexpr int V = kWidth<T>;
  const float count = static_cast<float>(p.shape.channels);
  const int64_t row = static_cast<int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
  Floats<T> x[N];
  float sum = 0;
#pragma unroll
  for (int k = 0; k < N; ++k) {
    x[k] = load_or_zero<T>(p.x, row, p.shape, channel_of<T>(k));
#pragma unroll
    for (int v = 0; v < V; ++v) sum += x[k].v[v];
  }
  const float mean = sum_lanes(sum) / count;
  float square = 0;
#pragma unroll
  for (int k = 0; k < N; ++k) {
    if (channel_of<T>(k) >= p.shape.channels) continue;
#pragma unroll
    for (int v = 0; v < V; ++v) square += (x[k].v[v] - mean) * (x[k].v[v] - mean);
  }
  const float rstd = 1.0f / sqrtf(sum_lanes(square) / count + p.eps);
  if (row >= p.shape.rows) return;
  if (threadIdx.x == 0) {
    p.mean[row] = mean;
    p.rstd[row] = rstd;
  }
#pragma unroll
  for (int k = 0; k < N; ++k) {
    const int channel = channel_of<T>(k);
    if (channel >= p.shape.channels) continue;
    const Floats<T> w = load(static_cast<const T*>(p.weight) + channel);
    const Floats<T> b = load(static_cast<const T*>(p.bias) + channel);
#pragma unroll
    for (int v = 0; v < V; ++v) x[k].v[v] = (x[k].v[v] - mean) * rstd * w.v[v] + b.v[v];
    store(static_cast<T*>(p.y) + row * p.shape.channels + channel, x[k]);
  }
}

// dx = rstd (g - mean(g) - xhat mean(g xhat)), g = dy weight. Each block walks every gridDim.x-th
// set of rows and adds up its share of dbias = sum dy and dweight = sum dy xhat in registers ->
// workspace [blocks, 2, channels].
template <class T, int N>
__global__ void __launch_bounds__(kThreads) backward_kernel(LayerNormBackward p) {
  constexpr int V = kWidth<T>;
  const int channels = p.shape.channels;
  const float count = static_cast<float>(channels);
  Floats<T> w[N];
  float dbias[N][V] = {}, dweight[N][V] = {};
#pragma unroll
  for (int k = 0; k < N; ++k) w[k] = load_or_zero<T>(p.weight, 0, p.shape, channel_of<T>(k));
  const int64_t stride = static_cast<int64_t>(gridDim.x) * blockDim.y;
  // All rows of a block run equally often, so that every lane reaches the sums.
  for (int64_t base = static_cast<int64_t>(blockIdx.x) * blockDim.y; base < p.shape.rows;
       base += stride) {
    const int64_t row = base + threadIdx.y;
    const bool live = row < p.shape.rows;
    const float mean = live ? p.mean[row] : 0.0f;
    const float rstd = live ? p.rstd[row] : 0.0f;
    Floats<T> xhat[N], g[N];
    float sum = 0, dot = 0;
#pragma unroll
    for (int k = 0; k < N; ++k) {
      xhat[k] = load_or_zero<T>(p.x, row, p.shape, channel_of<T>(k));
      g[k] = load_or_zero<T>(p.dy, row, p.shape, channel_of<T>(k));
#pragma unroll
      for (int v = 0; v < V; ++v) {
        const float dy = g[k].v[v];
        const float h = (xhat[k].v[v] - mean) * rstd;
        dbias[k][v] += dy;
        dweight[k][v] += dy * h;
        g[k].v[v] = dy * w[k].v[v];
        xhat[k].v[v] = h;
        sum += g[k].v[v];
        dot += g[k].v[v] * h;
      }
    }
    sum = sum_lanes(sum) / count;
    dot = sum_lanes(dot) / count;
#pragma unroll
    for (int k = 0; k < N; ++k) {
      const int channel = channel_of<T>(k);
      if (!live || channel >= channels) continue;
#pragma unroll
      for (int v = 0; v < V; ++v) g[k].v[v] = rstd * (g[k].v[v] - sum - xhat[k].v[v] * dot);
      store(static_cast<T*>(p.dx) + row * channels + channel, g[k]);
    }
  }
  float* out = p.workspace + static_cast<int64_t>(blockIdx.x) * 2 * channels;
#pragma unroll
  for (int k = 0; k < N; ++k) {
    store_column_sums(dbias[k], dweight[k], k * blockDim.x * V, channels, out, out + channels);
  }
}

int64_t backward_blocks(const LayerNormShape& s) {
  const int64_t needed = ceil_div(s.rows, Layout(s).rows());
  return needed < kBackwardBlocks ? needed : kBackwardBlocks;
}

template <class T, int N>
cudaError_t run(const LayerNormForward& p, cudaStream_t stream) {
  const Layout layout(p.shape);
  const dim3 grid(static_cast<unsigned>(ceil_div(p.shape.rows, layout.rows())));
  return launch(forward_kernel<T, N>, grid, layout.block(), stream, p);
}

template <class T, int N>
cudaError_t run(const LayerNormBackward& p, cudaStream_t stream) {
  const int64_t blocks = backward_blocks(p.shape);
  const cudaError_t error = launch(backward_kernel<T, N>, dim3(static_cast<unsigned>(blocks)),
                                   Layout(p.shape).block(), stream, p);
  if (error != cudaSuccess) return error;
  return sum_rows(p.workspace, blocks, p.shape.channels, static_cast<T*>(p.dbias),
                  static_cast<T*>(p.dweight), stream);
}

// 1,024 channels are four bf16 or eight fp32 vectors a lane.
template <class P>
cudaError_t dispatch(const P& p, cudaStream_t stream) {
  return with_type(p.shape.dtype, [&](auto element) {
    using T = decltype(element);
    switch (Layout(p.shape).vectors) {
      case 1:
        return run<T, 1>(p, stream);
      case 2:
        return run<T, 2>(p, stream);
      case 4:
        return run<T, 4>(p, stream);
      default:
        if constexpr (kWidth<T> == 4) return run<T, 8>(p, stream);
        return cudaErrorInvalidValue;
    }
  });
}

}  // namespace
}  // namespace layer_norm

bool layer_norm_supported(const LayerNormShape& s) {
  const int width = vector_width(s.dtype);
  return s.rows >= 1 && s.channels >= width && s.channels % width == 0 &&
         s.channels <= layer_norm::kMaxChannels &&
         ceil_div(s.rows, layer_norm::Layout(s).rows()) < (int64_t{1} << 31);
}

int64_t layer_norm_workspace(const LayerNormShape& s) {
  return layer_norm::backward_blocks(s) * 2 * s.channels;
}

cudaError_t layer_norm_forward(const LayerNormForward& p, cudaStream_t stream) {
  return layer_norm::dispatch(p, stream);
}

cudaError_t layer_norm_backward(const LayerNormBackward& p, cudaStream_t stream) {
  return layer_norm::dispatch(p, stream);
}

}  // namespace zoetrope::kernels

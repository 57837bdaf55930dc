// One warp a (batch, position, head). The F x D tiles sit in shared memory as fp32; a lane owns one
// frame i (one query row) and every kShare-th key frame. F is 16 or 32: with 16, two lanes share a
// row. At 16 frames the arithmetic is small next to the memory traffic, so plain fp32 FMAs do.
#include "kernels/temporal_attention/temporal_attention.h"

#include "kernels/common/vector.cuh"

namespace zoetrope::kernels {
namespace temporal_attention {
namespace {

template <int F, int D>
struct alignas(16) Tile {
  float v[F]
         [D + 4];  // rows 16 bytes apart from a multiple of the banks: no conflicts down a column
};

template <int F>
struct Weights {
  float v[F][F + 1];
};

template <int F, int D>
struct Lane {
  static constexpr int kShare = 32 / F;      // lanes of a row
  static constexpr int kKeys = F / kShare;   // key frames of a lane: share, share + kShare, ...
  static constexpr int kSlice = D / kShare;  // elements of a result row that a lane writes
  int index = threadIdx.x;
  int row = threadIdx.x / kShare;
  int share = threadIdx.x % kShare;

  __device__ float sum(float x) const {
    return kShare == 2 ? x + __shfl_xor_sync(0xffffffffu, x, 1) : x;
  }
  __device__ float max(float x) const {
    return kShare == 2 ? fmaxf(x, __shfl_xor_sync(0xffffffffu, x, 1)) : x;
  }
};

__device__ inline int64_t head_offset(int64_t problem, const TemporalAttentionShape& s,
                                      const TemporalStrides& t) {
  const int64_t head = problem % s.heads;
  const int64_t position = problem / s.heads % s.positions;
  const int64_t batch = problem / s.heads / s.positions;
  return batch * t.batch + position * t.position + head * t.head;
}

// Frames beyond the last become zero rows.
template <class T, int F, int D>
__device__ void load_tile(Tile<F, D>& tile, const void* base, int64_t offset, int64_t frame_stride,
                          int frames) {
  constexpr int V = kWidth<T>;
  const T* from = static_cast<const T*>(base) + offset;
#pragma unroll
  for (int i = threadIdx.x; i < F * D / V; i += 32) {
    const int row = i / (D / V);
    const int column = i % (D / V) * V;
    Floats<T> f = {};
    if (row < frames) f = load(from + row * frame_stride + column);
#pragma unroll
    for (int v = 0; v < V; v += 4) {
      *reinterpret_cast<float4*>(&tile.v[row][column + v]) =
          make_float4(f.v[v], f.v[v + 1], f.v[v + 2], f.v[v + 3]);
    }
  }
}

// out[j] = a[lane.row] . b[j * kShare + lane.share]
template <int F, int D>
__device__ void row_products(const Tile<F, D>& a, const Tile<F, D>& b, const Lane<F, D>& lane,
                             float (&out)[Lane<F, D>::kKeys]) {
  using L = Lane<F, D>;
#pragma unroll
  for (int j = 0; j < L::kKeys; ++j) out[j] = 0;
#pragma unroll
  for (int d = 0; d < D; d += 16) {
    float4 mine[4];
#pragma unroll
    for (int t = 0; t < 4; ++t) {
      mine[t] = *reinterpret_cast<const float4*>(&a.v[lane.row][d + 4 * t]);
    }
#pragma unroll
    for (int j = 0; j < L::kKeys; ++j) {
      const float* other = b.v[j * L::kShare + lane.share] + d;
#pragma unroll
      for (int t = 0; t < 4; ++t) {
        const float4 o = *reinterpret_cast<const float4*>(other + 4 * t);
        out[j] += mine[t].x * o.x + mine[t].y * o.y + mine[t].z * o.z + mine[t].w * o.w;
      }
    }
  }
}

// Scores of the lane's keys -> attention weights, in place; zero for frames that do not exist.
template <int F, int D>
__device__ void softmax(float (&s)[Lane<F, D>::kKeys], const Lane<F, D>& lane, float scale,
                        int frames) {
  using L = Lane<F, D>;
  float largest = -INFINITY;
#pragma unroll
  for (int j = 0; j < L::kKeys; ++j) {
    s[j] = j * L::kShare + lane.share < frames ? s[j] * scale : -INFINITY;
    largest = fmaxf(largest, s[j]);
  }
  largest = lane.max(largest);
  float total = 0;
#pragma unroll
  for (int j = 0; j < L::kKeys; ++j) {
    s[j] = __expf(s[j] - largest);
    total += s[j];
  }
  total = lane.sum(total);
#pragma unroll
  for (int j = 0; j < L::kKeys; ++j) s[j] /= total;
}

template <int F, int D>
__device__ void keep(Weights<F>& w, const float (&s)[Lane<F, D>::kKeys], const Lane<F, D>& lane) {
  using L = Lane<F, D>;
#pragma unroll
  for (int j = 0; j < L::kKeys; ++j) w.v[lane.row][j * L::kShare + lane.share] = s[j];
}

// Writes the lane's slice of result row i = lane.row: sum_j w[i][j] m[j], or with kTransposed
// sum_j w[j][i] m[j].
template <class T, bool kTransposed, int F, int D>
__device__ void write_product(const Weights<F>& w, const Tile<F, D>& m, const Lane<F, D>& lane,
                              void* base, int64_t offset, int64_t frame_stride, int frames) {
  using L = Lane<F, D>;
  constexpr int V = kWidth<T>;
  const int column = lane.share * L::kSlice;
  float out[L::kSlice] = {};
#pragma unroll 4
  for (int j = 0; j < F; ++j) {
    const float weight = kTransposed ? w.v[j][lane.row] : w.v[lane.row][j];
#pragma unroll
    for (int d = 0; d < L::kSlice; d += 4) {
      const float4 o = *reinterpret_cast<const float4*>(&m.v[j][column + d]);
      out[d] += weight * o.x;
      out[d + 1] += weight * o.y;
      out[d + 2] += weight * o.z;
      out[d + 3] += weight * o.w;
    }
  }
  if (lane.row >= frames) return;
  T* to = static_cast<T*>(base) + offset + lane.row * frame_stride + column;
#pragma unroll
  for (int d = 0; d < L::kSlice; d += V) {
    Floats<T> f;
#pragma unroll
    for (int v = 0; v < V; ++v) f.v[v] = out[d + v];
    store(to + d, f);
  }
}

template <int F, int D>
struct ForwardMemory {
  Tile<F, D> q, k, v;
  Weights<F> p;
};

template <int F, int D>
struct BackwardMemory {
  Tile<F, D> q, k, v, dout;
  Weights<F> p, ds;
};

// Warps of a block: as many as fit the 48 KiB of static shared memory, at most four.
template <class Memory>
inline constexpr int kWarps = sizeof(Memory) * 4 <= 49152   ? 4
                              : sizeof(Memory) * 2 <= 49152 ? 2
                                                            : 1;

template <class T, int F, int D>
__global__ void forward_kernel(TemporalAttentionForward p, int64_t problems) {
  using Memory = ForwardMemory<F, D>;
  __shared__ Memory memory[kWarps<Memory>];
  Memory& m = memory[threadIdx.y];
  const Lane<F, D> lane;
  const int64_t problem = static_cast<int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
  if (problem >= problems) return;
  const int frames = p.shape.frames;
  const int64_t in = head_offset(problem, p.shape, p.in);
  load_tile<T>(m.q, p.q, in, p.in.frame, frames);
  load_tile<T>(m.k, p.k, in, p.in.frame, frames);
  load_tile<T>(m.v, p.v, in, p.in.frame, frames);
  __syncwarp();
  float s[Lane<F, D>::kKeys];
  row_products(m.q, m.k, lane, s);
  softmax(s, lane, p.scale, frames);
  keep(m.p, s, lane);
  __syncwarp();
  write_product<T, false>(m.p, m.v, lane, p.out, head_offset(problem, p.shape, p.out_strides),
                          p.out_strides.frame, frames);
}

// P = softmax(scale Q K^T); dV = P^T dO; dP = dO V^T; dS = scale P (dP - rowsum(P dP));
// dQ = dS K; dK = dS^T Q.
template <class T, int F, int D>
__global__ void backward_kernel(TemporalAttentionBackward p, int64_t problems) {
  using Memory = BackwardMemory<F, D>;
  using L = Lane<F, D>;
  __shared__ Memory memory[kWarps<Memory>];
  Memory& m = memory[threadIdx.y];
  const L lane;
  const int64_t problem = static_cast<int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
  if (problem >= problems) return;
  const int frames = p.shape.frames;
  const int64_t in = head_offset(problem, p.shape, p.in);
  load_tile<T>(m.q, p.q, in, p.in.frame, frames);
  load_tile<T>(m.k, p.k, in, p.in.frame, frames);
  load_tile<T>(m.v, p.v, in, p.in.frame, frames);
  load_tile<T>(m.dout, p.dout, head_offset(problem, p.shape, p.dout_strides), p.dout_strides.frame,
               frames);
  __syncwarp();
  float s[L::kKeys], ds[L::kKeys];
  row_products(m.q, m.k, lane, s);
  softmax(s, lane, p.scale, frames);
  row_products(m.dout, m.v, lane, ds);
  float dot = 0;
#pragma unroll
  for (int j = 0; j < L::kKeys; ++j) dot += s[j] * ds[j];
  dot = lane.sum(dot);
#pragma unroll
  for (int j = 0; j < L::kKeys; ++j) ds[j] = s[j] * (ds[j] - dot) * p.scale;
  keep(m.p, s, lane);
  keep(m.ds, ds, lane);
  __syncwarp();
  const int64_t out = head_offset(problem, p.shape, p.grad);
  write_product<T, false>(m.ds, m.k, lane, p.dq, out, p.grad.frame, frames);
  write_product<T, true>(m.ds, m.q, lane, p.dk, out, p.grad.frame, frames);
  write_product<T, true>(m.p, m.dout, lane, p.dv, out, p.grad.frame, frames);
}

template <class T, int F, int D>
cudaError_t run(const TemporalAttentionForward& p, int64_t problems, cudaStream_t stream) {
  constexpr int kBlock = kWarps<ForwardMemory<F, D>>;
  return launch(forward_kernel<T, F, D>, dim3(static_cast<unsigned>(ceil_div(problems, kBlock))),
                dim3(32, kBlock), stream, p, problems);
}

template <class T, int F, int D>
cudaError_t run(const TemporalAttentionBackward& p, int64_t problems, cudaStream_t stream) {
  constexpr int kBlock = kWarps<BackwardMemory<F, D>>;
  return launch(backward_kernel<T, F, D>, dim3(static_cast<unsigned>(ceil_div(problems, kBlock))),
                dim3(32, kBlock), stream, p, problems);
}

template <class P>
cudaError_t dispatch(const P& p, cudaStream_t stream) {
  const int64_t problems = p.shape.batch * p.shape.positions * p.shape.heads;
  const bool few = p.shape.frames <= 16;
  return with_type(p.shape.dtype, [&](auto element) {
    using T = decltype(element);
    if (p.shape.head_dim == 32) {
      return few ? run<T, 16, 32>(p, problems, stream) : run<T, 32, 32>(p, problems, stream);
    }
    return few ? run<T, 16, 64>(p, problems, stream) : run<T, 32, 64>(p, problems, stream);
  });
}

}  // namespace
}  // namespace temporal_attention

bool temporal_attention_supported(const TemporalAttentionShape& s) {
  return s.batch >= 1 && s.positions >= 1 && s.heads >= 1 && s.frames >= 1 && s.frames <= 32 &&
         (s.head_dim == 32 || s.head_dim == 64) &&
         s.batch * s.positions * s.heads < (int64_t{1} << 31);
}

cudaError_t temporal_attention_forward(const TemporalAttentionForward& p, cudaStream_t stream) {
  return temporal_attention::dispatch(p, stream);
}

cudaError_t temporal_attention_backward(const TemporalAttentionBackward& p, cudaStream_t stream) {
  return temporal_attention::dispatch(p, stream);
}

}  // namespace zoetrope::kernels

#include "kernels/geglu/geglu.h"

#include "kernels/common/vector.cuh"

namespace zoetrope::kernels {
namespace {

constexpr int kThreads = 256;
constexpr float kRootHalf = 0.70710678118654752f;
constexpr float kInverseRootTwoPi = 0.39894228040143268f;

__device__ inline float normal_cdf(float x) { return 0.5f * (1 + erff(x * kRootHalf)); }

// Element offset of thread `i`'s vector in y (first) and of its value in x (second).
template <class T>
__device__ inline longlong2 offsets(unsigned i, unsigned vectors) {
  const unsigned row = i / vectors;
  const long long at = static_cast<long long>(i) * kWidth<T>;
  return {at, at + static_cast<long long>(row) * vectors * kWidth<T>};
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    forward_kernel(const T* x, T* y, unsigned vectors, unsigned total) {
  const unsigned i = blockIdx.x * kThreads + threadIdx.x;
  if (i >= total) return;
  const longlong2 at = offsets<T>(i, vectors);
  Floats<T> value = load(x + at.y);
  const Floats<T> gate = load(x + at.y + vectors * kWidth<T>);
#pragma unroll
  for (int v = 0; v < kWidth<T>; ++v) value.v[v] *= gate.v[v] * normal_cdf(gate.v[v]);
  store(y + at.x, value);
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    backward_kernel(const T* x, const T* dy, T* dx, unsigned vectors, unsigned total) {
  const unsigned i = blockIdx.x * kThreads + threadIdx.x;
  if (i >= total) return;
  const longlong2 at = offsets<T>(i, vectors);
  Floats<T> value = load(x + at.y);
  Floats<T> gate = load(x + at.y + vectors * kWidth<T>);
  const Floats<T> g = load(dy + at.x);
#pragma unroll
  for (int v = 0; v < kWidth<T>; ++v) {
    const float t = gate.v[v];
    const float cdf = normal_cdf(t);
    const float slope = cdf + t * kInverseRootTwoPi * expf(-0.5f * t * t);
    gate.v[v] = g.v[v] * value.v[v] * slope;
    value.v[v] = g.v[v] * t * cdf;
  }
  store(dx + at.y, value);
  store(dx + at.y + vectors * kWidth<T>, gate);
}

struct Grid {
  unsigned vectors;  // a row of y
  unsigned total;    // of y
  explicit Grid(const GegluShape& s)
      : vectors(static_cast<unsigned>(s.channels / vector_width(s.dtype))),
        total(static_cast<unsigned>(s.rows) * vectors) {}
  dim3 blocks() const { return dim3(static_cast<unsigned>(ceil_div(total, kThreads))); }
};

}  // namespace

bool geglu_supported(const GegluShape& s) {
  const int width = vector_width(s.dtype);
  return s.rows >= 1 && s.channels >= width && s.channels % width == 0 &&
         s.channels / width < (int64_t{1} << 31) / s.rows;
}

cudaError_t geglu_forward(const GegluShape& s, const void* x, void* y, cudaStream_t stream) {
  const Grid grid(s);
  return with_type(s.dtype, [&](auto element) {
    using T = decltype(element);
    return launch(forward_kernel<T>, grid.blocks(), dim3(kThreads), stream,
                  static_cast<const T*>(x), static_cast<T*>(y), grid.vectors, grid.total);
  });
}

cudaError_t geglu_backward(const GegluShape& s, const void* x, const void* dy, void* dx,
                           cudaStream_t stream) {
  const Grid grid(s);
  return with_type(s.dtype, [&](auto element) {
    using T = decltype(element);
    return launch(backward_kernel<T>, grid.blocks(), dim3(kThreads), stream,
                  static_cast<const T*>(x), static_cast<const T*>(dy), static_cast<T*>(dx),
                  grid.vectors, grid.total);
  });
}

}  // namespace zoetrope::kernels

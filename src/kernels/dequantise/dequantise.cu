#include "kernels/dequantise/dequantise.h"

#include "kernels/common/vector.cuh"

namespace zoetrope::kernels {
namespace {

constexpr int kThreads = 256;
constexpr int kGroup = 64;  // columns that share a scale in kInt4

// The code of weight `i`, counted over the whole matrix.
__device__ inline float code_at(const signed char* codes, long long i) { return codes[i]; }
__device__ inline float code_at(const unsigned char* codes, long long i) {
  const int byte = codes[i / 2];
  return static_cast<float>((i % 2 == 0 ? byte & 15 : byte >> 4) - 8);
}

// A thread makes one vector, whose weights share a row and a scale.
template <class T, class Code, class Scale>
__global__ void __launch_bounds__(kThreads)
    dequantise_kernel(const Code* codes, const Scale* scale, T* y, unsigned vectors, unsigned total,
                      int group, int groups) {
  const unsigned i = blockIdx.x * kThreads + threadIdx.x;
  if (i >= total) return;
  const unsigned row = i / vectors, column = i % vectors * kWidth<T>;
  const float s = to_float(scale[static_cast<long long>(row) * groups + column / group]);
  const long long first = static_cast<long long>(i) * kWidth<T>;
  Floats<T> out;
#pragma unroll
  for (int v = 0; v < kWidth<T>; ++v) out.v[v] = code_at(codes, first + v) * s;
  store(y + first, out);
}

template <class T, class Code, class Scale>
cudaError_t run(const Dequantise& p, int group, cudaStream_t stream) {
  const auto vectors = static_cast<unsigned>(p.columns / kWidth<T>);
  const auto total = static_cast<unsigned>(p.rows) * vectors;
  return launch(dequantise_kernel<T, Code, Scale>, dim3(ceil_div(total, kThreads)), dim3(kThreads),
                stream, static_cast<const Code*>(p.codes), static_cast<const Scale*>(p.scale),
                static_cast<T*>(p.y), vectors, total, group,
                static_cast<int>(ceil_div(p.columns, group)));
}

}  // namespace

bool dequantise_supported(const Dequantise& p) {
  const int width = vector_width(p.dtype);
  return p.rows >= 1 && p.columns >= width && p.columns % width == 0 &&
         p.columns < (int64_t{1} << 31) && p.columns / width < (int64_t{1} << 31) / p.rows;
}

cudaError_t dequantise(const Dequantise& p, cudaStream_t stream) {
  return with_type(p.dtype, [&](auto element) {
    using T = decltype(element);
    return p.code == WeightCode::kInt4
               ? run<T, unsigned char, __nv_bfloat16>(p, kGroup, stream)
               : run<T, signed char, float>(p, static_cast<int>(p.columns), stream);
  });
}

}  // namespace zoetrope::kernels

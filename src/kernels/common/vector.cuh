// Device helpers shared by the kernels: 16-byte loads and stores through fp32 registers.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstdint>
#include <cstring>

#include "kernels/common/dtype.h"
#include "kernels/common/launch.cuh"

namespace zoetrope::kernels {

template <class T>
inline constexpr int kWidth = 16 / sizeof(T);

// One 16-byte vector of T, widened.
template <class T>
struct Floats {
  float v[kWidth<T>];
};

__device__ inline Floats<float> load(const float* p) {
  const float4 raw = *reinterpret_cast<const float4*>(p);
  return {{raw.x, raw.y, raw.z, raw.w}};
}

// A vector as it lies in memory, widened, and back.
template <class T>
__device__ inline Floats<T> widen(const uint4& raw) {
  const unsigned words[4] = {raw.x, raw.y, raw.z, raw.w};
  Floats<T> out;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    if constexpr (kWidth<T> == 4) {
      out.v[i] = __uint_as_float(words[i]);
    } else {
      out.v[2 * i] = __uint_as_float(words[i] << 16);
      out.v[2 * i + 1] = __uint_as_float(words[i] & 0xffff0000u);
    }
  }
  return out;
}

template <class T>
__device__ inline uint4 narrow(const Floats<T>& f) {
  unsigned words[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    if constexpr (kWidth<T> == 4) {
      words[i] = __float_as_uint(f.v[i]);
    } else {
      const __nv_bfloat162 pair = __floats2bfloat162_rn(f.v[2 * i], f.v[2 * i + 1]);
      memcpy(&words[i], &pair, sizeof(pair));
    }
  }
  return make_uint4(words[0], words[1], words[2], words[3]);
}

__device__ inline Floats<__nv_bfloat16> load(const __nv_bfloat16* p) {
  return widen<__nv_bfloat16>(*reinterpret_cast<const uint4*>(p));
}

__device__ inline void store(float* p, const Floats<float>& f) {
  *reinterpret_cast<float4*>(p) = make_float4(f.v[0], f.v[1], f.v[2], f.v[3]);
}

__device__ inline void store(__nv_bfloat16* p, const Floats<__nv_bfloat16>& f) {
  *reinterpret_cast<uint4*>(p) = narrow(f);
}

__device__ inline float to_float(float x) { return x; }
__device__ inline float to_float(__nv_bfloat16 x) { return __bfloat162float(x); }
__device__ inline void assign(float& out, float x) { out = x; }
__device__ inline void assign(__nv_bfloat16& out, float x) { out = __float2bfloat16_rn(x); }

// The exact division would be half of a pass's arithmetic.
__device__ inline float sigmoid(float x) { return __fdividef(1.0f, 1.0f + __expf(-x)); }

// Calls `f` with a value of the element type `dtype` stands for.
template <class F>
cudaError_t with_type(Dtype dtype, F f) {
  return dtype == Dtype::kBfloat16 ? f(__nv_bfloat16{}) : f(float{});
}

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace zoetrope::kernels

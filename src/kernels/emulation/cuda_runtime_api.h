// The piece of CUDA that the kernels in this tree use, on the CPU: enough to compile a .cu file as
// C++ and run its kernels, block after block, every thread of a block as a fibre. For tests of the
// kernels' logic on machines without a GPU; nothing is fast here and nothing runs at once.
//
// What it cannot show: races between warps that happen to run in a lucky order, alignment faults,
// and the hardware's own arithmetic (fused multiply-adds, __expf).
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

enum cudaError_t { cudaSuccess = 0, cudaErrorInvalidValue = 1 };
using cudaStream_t = void*;

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
  dim3() = default;
  dim3(unsigned long x, unsigned long y = 1)
      : x(static_cast<unsigned>(x)), y(static_cast<unsigned>(y)) {}
};

namespace zoetrope::kernels::emulation {

struct Position {
  dim3 thread, block, block_dim, grid_dim;
};
extern Position here;

void block_barrier();
void warp_barrier();
// The value that lane `lane ^ mask` of the caller's warp passes in the same call.
float exchange(float value, int mask);

}  // namespace zoetrope::kernels::emulation

#define __global__
#define __device__
#define __shared__ static
#define __launch_bounds__(...)
#define threadIdx (::zoetrope::kernels::emulation::here.thread)
#define blockIdx (::zoetrope::kernels::emulation::here.block)
#define blockDim (::zoetrope::kernels::emulation::here.block_dim)
#define gridDim (::zoetrope::kernels::emulation::here.grid_dim)

#define rsqrtf(...) \
  (1.0f / std::sqrt(__VA_ARGS__))  // a function of that name would be the C library's

inline void __syncthreads() { zoetrope::kernels::emulation::block_barrier(); }
inline void __syncwarp() { zoetrope::kernels::emulation::warp_barrier(); }
inline float __shfl_xor_sync(unsigned, float value, int mask) {
  return zoetrope::kernels::emulation::exchange(value, mask);
}

struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct longlong2 {
  long long x, y;
};
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline float2 make_float2(float x, float y) { return {x, y}; }
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
inline float __uint_as_float(unsigned bits) {
  float out;
  std::memcpy(&out, &bits, sizeof(out));
  return out;
}
inline unsigned __float_as_uint(float x) {
  unsigned out;
  std::memcpy(&out, &x, sizeof(out));
  return out;
}
template <class T>
T __ldcs(const T* p) {
  return *p;
}
inline float __expf(float x) { return std::exp(x); }
inline float __fdividef(float x, float y) { return x / y; }
inline int64_t min(int64_t a, int64_t b) { return a < b ? a : b; }

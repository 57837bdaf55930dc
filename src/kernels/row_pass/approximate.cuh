// Single instructions that CUDA C++ reaches by no name: its own __expf and __fdividef take four
// each, to keep subnormal numbers that no activation here can tell from zero, and a pass into fp8
// has time for about twenty an element. The host emulation has its own form of this file.
#pragma once

namespace zoetrope::kernels {

// Errors of 2 and 1 ulp; subnormals are zero.
__device__ inline float approximate_exp2(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

__device__ inline float approximate_reciprocal(float x) {
  float y;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// NaN where one of them is.
__device__ inline float larger_or_nan(float a, float b) {
  float y;
  asm("max.NaN.f32 %0, %1, %2;" : "=f"(y) : "f"(a), "f"(b));
  return y;
}

}  // namespace zoetrope::kernels

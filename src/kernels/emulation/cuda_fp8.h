// Conversion to e4m3 (1 sign, 4 exponent, 3 mantissa bits, no infinity), nearest even, saturated.
#pragma once

#include "cuda_runtime_api.h"

enum __nv_saturation_t { __NV_NOSAT, __NV_SATFINITE };
enum __nv_fp8_interpretation_t { __NV_E4M3, __NV_E5M2 };

inline unsigned char emulated_e4m3(float x) {
  if (std::isnan(x)) return 0x7f;
  const unsigned char sign = std::signbit(x) ? 0x80 : 0;
  const float size = std::fmin(std::fabs(x), 448.0f);
  if (size == 0) return sign;
  int exponent = 0;
  std::frexp(size, &exponent);                           // size in [2^(exponent - 1), 2^exponent)
  const int step = (exponent < -5 ? -5 : exponent) - 4;  // subnormals below 2^-6, in steps of 2^-9
  const auto steps = static_cast<int>(std::nearbyint(std::ldexp(size, -step)));
  return static_cast<unsigned char>(sign | (steps + (step + 9) * 8));
}

inline unsigned short __nv_cvt_float2_to_fp8x2(float2 x, __nv_saturation_t,
                                               __nv_fp8_interpretation_t) {
  return static_cast<unsigned short>(emulated_e4m3(x.x) | emulated_e4m3(x.y) << 8);
}

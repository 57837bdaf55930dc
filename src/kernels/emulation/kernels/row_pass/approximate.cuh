// The same on the CPU; see ../../cuda_runtime_api.h.
#pragma once

#include <cmath>

namespace zoetrope::kernels {

inline float approximate_exp2(float x) { return std::exp2(x); }
inline float approximate_reciprocal(float x) { return 1.0f / x; }
inline float larger_or_nan(float a, float b) { return b > a || std::isnan(b) ? b : a; }

}  // namespace zoetrope::kernels

// Weights of linear layers in fewer bits. All formats are symmetric: zero stays zero, and a code
// stands for code * scale.
//   kFp8   scale = largest magnitude of an output's weights / 448, up to a power of two
//   kInt8  scale = the same / 127
//   kInt4  the same of each 64 inputs of an output / 7; codes -7..7 are kept plus 8, the even input
//          in a byte's low half
// Halfway cases round to even.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "ops/linear.h"

namespace zoetrope::ops {

inline constexpr int64_t kInt4Group = 64;

// Whether a weight [out, in] can be held so: kInt4 needs pairs of inputs. GPUs multiply fp8 where
// both are multiples of 16; others are widened first.
bool holds(WeightFormat format, int64_t out, int64_t in);

// A layer's plain parameters in another format. Precondition: holds().
LinearWeight quantise(const LinearWeight& plain, WeightFormat format);

// The weight in `dtype`, [out, in].
at::Tensor dequantise(const LinearWeight& weight, at::ScalarType dtype);

// One layer of several over the same input, their outputs one behind the other. All of one format;
// one alone is itself, not a copy. What variants made of the parts is left out.
LinearWeight join_linears(const std::vector<LinearWeight>& parts);

}  // namespace zoetrope::ops

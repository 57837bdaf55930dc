// Rotary positions (Su et al., arXiv 2104.09864): every pair of a head's channels is turned by an
// angle that is linear in the token's position. With several axes each gets its share of the pairs.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "ops/rotary.h"

namespace zoetrope::nn {

using ops::RotaryPairs;

// Angles as cosine and sine, fp32 [b or 1, n, d/2].
struct RotaryTable {
  at::Tensor cosine, sine;
};

// positions [b or 1, n, axes], any dtype (integers up to 2^24 are exact); widths: channels of a
// head that each axis turns, even, adding up to d. Frequencies are theta^(-2i/width), computed in
// fp64.
RotaryTable rotary_table(const at::Tensor& positions, const std::vector<int64_t>& widths,
                         double theta);

// The same from given frequencies [d/2] of one axis (Llama scales its own). positions [b or 1, n].
RotaryTable rotary_table(const at::Tensor& positions, const at::Tensor& frequencies);

// x [b, n, heads, d] turned in fp32, -> x's shape and dtype.
at::Tensor rotate(const at::Tensor& x, const RotaryTable& table,
                  RotaryPairs pairs = RotaryPairs::kNeighbours);

}  // namespace zoetrope::nn

// Queries and keys between their projection and the attention.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace zoetrope::ops {

// Which channels of a head make a pair: 2i and 2i + 1 (FLUX, Wan, HiDream), or i and i + d/2
// (Llama).
enum class RotaryPairs { kNeighbours, kHalves };

// One stream of tokens. Its heads may be a slice of a wider product.
struct HeadStream {
  at::Tensor x;  // [b, n, heads, d]
  at::Tensor
      weight;  // of its RMSNorm: [d] a head at a time, [heads * d] across; undefined: no norm
  double eps = 1e-6;
};

struct HeadTurn {
  at::Tensor cosine, sine;  // fp32 [b or 1, tokens, d/2]; undefined: no turn
  RotaryPairs pairs = RotaryPairs::kNeighbours;
};

// The streams one after the other along the tokens, each normalised (x / sqrt(mean(x^2) + eps) *
// weight), then turned by the positions of the whole, in fp32. -> [b, all n, heads, d] in the
// streams' dtype; the turn may be for more tokens than there are: the first ones count.
at::Tensor join_heads(const std::vector<HeadStream>& streams, const HeadTurn& turn);

}  // namespace zoetrope::ops

// The queries, keys and values of a diffusion transformer's attention: one product for the three,
// queries and keys normalised (RMSNorm) and turned by their positions, the tokens of several
// streams (text and image) one behind the other. Immutable after construction; any thread may call
// them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "nn/attention.h"
#include "nn/linear.h"
#include "nn/norm.h"
#include "nn/rotary.h"
#include "ops/rotary.h"
#include "weights/parameters.h"

namespace zoetrope::nn {

// What a checkpoint calls the layers.
struct ProjectionNames {
  std::string_view q, k, v, norm_q, norm_k;
};

// One stream's heads, queries and keys with the norm that they are still to go through.
struct StreamHeads {
  ops::HeadStream q, k;
  at::Tensor v;  // [b, n, heads, d]
  // Those of the first n tokens ask, the others only answer.
  StreamHeads asking(int64_t n) const;
};

// RMSNorm's span: each head has its own statistics, or all of a token's heads share them.
enum class NormSpan { kHead, kAllHeads };

class StreamProjections {
 public:
  StreamProjections(const weights::Scope& scope, const ProjectionNames& names, HeadLayout heads,
                    NormSpan span, double eps);
  ops::RowFormat input_format() const { return qkv_.input_format(); }
  StreamHeads operator()(const ops::Rows& x) const;  // [b, n, c], c the width of all heads

 private:
  HeadLayout heads_;
  FusedLinear qkv_;
  RmsNorm norm_q_, norm_k_;
};

// The streams one behind the other, ready for attention: [b, all n, heads, d] each. `table` holds
// the positions of all keys; queries have the first of them.
QueryKeyValue join(const std::vector<StreamHeads>& streams, const RotaryTable& table);

}  // namespace zoetrope::nn

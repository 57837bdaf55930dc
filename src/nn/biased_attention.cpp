#include "nn/biased_attention.h"

#include <ATen/ATen.h>

namespace zoetrope::nn {

BiasedSelfAttention::BiasedSelfAttention(const weights::Scope& scope, const AttentionNames& names,
                                         int64_t channels, HeadLayout heads)
    : heads_(heads),
      q_(scope.sub(names.q), channels, heads.width()),
      k_(scope.sub(names.k), channels, heads.width()),
      v_(scope.sub(names.v), channels, heads.width()),
      out_(scope.sub(names.out), heads.width(), channels) {}

at::Tensor BiasedSelfAttention::operator()(const at::Tensor& x,
                                           const ops::AttentionMask& mask) const {
  const auto split = [this](const at::Tensor& t) {
    return t.unflatten(-1, {heads_.heads, heads_.head_dim});
  };
  return out_(ops::attention(split(q_(x)), split(k_(x)), split(v_(x)), mask).flatten(-2));
}

}  // namespace zoetrope::nn

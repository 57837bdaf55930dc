#include "nn/attention.h"

#include <ATen/ATen.h>

#include "ops/attention.h"

namespace zoetrope::nn {

SelfAttentionProjections::SelfAttentionProjections(const weights::Scope& scope, int64_t channels,
                                                   HeadLayout heads, Start out)
    : heads_(heads),
      qkv_(scope, {"to_q", "to_k", "to_v"}, channels, heads.width()),
      out_(scope.sub("to_out", 0), heads.width(), channels, Bias::kPresent, out) {}

at::Tensor SelfAttentionProjections::project_fused(const at::Tensor& x,
                                                   const Prologue& prologue) const {
  return qkv_(x, prologue).unflatten(-1, {3, heads_.heads, heads_.head_dim});
}

QueryKeyValue SelfAttentionProjections::project(const at::Tensor& x) const {
  const auto parts = qkv_(x).unflatten(-1, {3, heads_.heads, heads_.head_dim}).unbind(-3);
  return {parts[0], parts[1], parts[2]};
}

QueryKeyValue SelfAttentionProjections::project(const at::Tensor& x,
                                                const Prologue& prologue) const {
  const auto parts = project_fused(x, prologue).unbind(-3);
  return {parts[0], parts[1], parts[2]};
}

at::Tensor SelfAttentionProjections::output(const at::Tensor& attended) const {
  return out_(attended.flatten(-2));
}

at::Tensor SelfAttentionProjections::output(const at::Tensor& attended,
                                            const at::Tensor& residual) const {
  return out_(attended.flatten(-2), residual);
}

at::Tensor SelfAttention::operator()(const at::Tensor& x) const {
  const auto [q, k, v] = projections_.project(x);
  return projections_.output(ops::attention(q, k, v));
}

CrossAttention::CrossAttention(const weights::Scope& scope, int64_t channels,
                               int64_t context_channels, HeadLayout heads, Start out)
    : heads_(heads),
      q_(scope, {"to_q"}, channels, heads.width()),
      kv_(scope, {"to_k", "to_v"}, context_channels, heads.width()),
      out_(scope.sub("to_out", 0), heads.width(), channels, Bias::kPresent, out) {}

KeyValue CrossAttention::project(const at::Tensor& context) const {
  const auto parts = kv_(context).unflatten(-1, {2, heads_.heads, heads_.head_dim}).unbind(-3);
  return {parts[0], parts[1]};
}

at::Tensor CrossAttention::add_to(const at::Tensor& x, const LayerNorm& norm,
                                  const KeyValue& context) const {
  const at::Tensor q = q_(x, {norm, {}}).unflatten(-1, {heads_.heads, heads_.head_dim});
  return out_(ops::attention(q, context.k, context.v).flatten(-2), x);
}

}  // namespace zoetrope::nn

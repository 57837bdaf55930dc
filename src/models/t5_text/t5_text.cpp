#include "models/t5_text/t5_text.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>

#include "base/status.h"
#include "nn/tap.h"
#include "ops/activation.h"
#include "ops/attention.h"

namespace zoetrope::models {
namespace {

using nn::Bias;
using weights::Init;
using weights::Scope;

// Added to a score it leaves nothing of it; finite, so that a row of padding alone is still a
// number.
constexpr double kUnseen = -1e30;

// The token table is tied to a second name; a file holds either or both.
at::Tensor take_token_embedding(const Scope& scope, const T5TextConfig& c) {
  at::Tensor table;
  for (const char* name : {"encoder.embed_tokens.weight", "shared.weight"}) {
    if (scope.has(name)) table = scope.take(name, {c.vocab_size, c.d_model}, Init::normal(1.0));
  }
  return table.defined()
             ? table
             : scope.take("shared.weight", {c.vocab_size, c.d_model}, Init::normal(1.0));
}

// Which bias belongs to a key, seen from a query: [n, n] int64. Each direction has half of the
// buckets: near keys one each, farther ones share, the more the farther, until the last distance.
at::Tensor position_buckets(int64_t n, const T5TextConfig& c) {
  const int64_t half = c.relative_attention_num_buckets / 2, single = half / 2;
  const at::Tensor place = at::arange(n, at::kLong);
  const at::Tensor offset = place.unsqueeze(0) - place.unsqueeze(1);  // key - query
  const at::Tensor distance = offset.abs();
  // In fp32, as the models were trained: at some distances the rounding decides.
  const double range = std::log(static_cast<double>(c.relative_attention_max_distance) /
                                static_cast<double>(single));
  const at::Tensor far = distance.clamp_min(single).to(at::kFloat) / single;
  const at::Tensor shared = (at::log(far) / range * (half - single)).to(at::kLong) + single;
  return at::where(distance < single, distance, shared.clamp_max(half - 1)) + (offset > 0) * half;
}

}  // namespace

T5Text::T5Text(const Scope& scope, const T5TextConfig& config)
    : config_(config),
      token_embedding_(take_token_embedding(scope, config)),
      final_norm_(scope.sub("encoder").sub("final_layer_norm"), config.d_model,
                  config.layer_norm_epsilon) {
  if (token_embedding_.scalar_type() == at::kHalf) {
    throw base::Error(base::StatusCode::kUnimplemented,
                      "t5_text: fp16 is too narrow for this model; take bf16 or fp32");
  }
  const int64_t inner = config.num_heads * config.d_kv;
  for (int64_t i = 0; i < config.num_layers; ++i) {
    const Scope block = scope.sub("encoder").sub("block", i);
    const Scope attention = block.sub("layer", 0).sub("SelfAttention");
    const Scope feed_forward = block.sub("layer", 1).sub("DenseReluDense");
    at::Tensor position_bias;
    if (i == 0 || config.position_bias_per_layer) {
      position_bias = attention.take("relative_attention_bias.weight",
                                     {config.relative_attention_num_buckets, config.num_heads},
                                     Init::normal(1.0));
    }
    layers_.push_back(
        {.attention_norm = nn::RmsNorm(block.sub("layer", 0).sub("layer_norm"), config.d_model,
                                       config.layer_norm_epsilon),
         .qkv = nn::FusedLinear(attention, {"q", "k", "v"}, config.d_model, inner),
         .out = nn::Linear(attention.sub("o"), inner, config.d_model, Bias::kNone),
         .position_bias = position_bias,
         .feed_forward_norm = nn::RmsNorm(block.sub("layer", 1).sub("layer_norm"), config.d_model,
                                          config.layer_norm_epsilon),
         .gate_and_value =
             nn::FusedLinear(feed_forward, {"wi_0", "wi_1"}, config.d_model, config.d_ff),
         .down = nn::Linear(feed_forward.sub("wo"), config.d_ff, config.d_model, Bias::kNone)});
  }
}

at::Tensor T5Text::attend(const Layer& layer, const at::Tensor& x, const at::Tensor& bias) const {
  const auto heads =
      layer.qkv(layer.attention_norm(x)).unflatten(-1, {3, config_.num_heads, config_.d_kv});
  // T5 does not scale its scores, ops::attention does. (d_kv is 64 in all published models: times 8
  // rounds nothing.)
  const at::Tensor q = heads.select(-3, 0) * std::sqrt(static_cast<double>(config_.d_kv));
  const at::Tensor attended = ops::attention(q, heads.select(-3, 1), heads.select(-3, 2),
                                             {.causal = false, .additive = bias});
  return layer.out(attended.flatten(-2), x);
}

at::Tensor T5Text::operator()(const at::Tensor& token_ids, const at::Tensor& mask) const {
  base::require(token_ids.dim() == 2, "t5_text: token ids must be [batch, tokens]");
  base::require(!mask.defined() || mask.sizes() == token_ids.sizes(),
                "t5_text: the mask must have the shape of the token ids");
  at::Tensor x = at::embedding(token_embedding_, token_ids);
  at::Tensor padding;  // [b, 1, 1, n]
  if (mask.defined()) {
    padding = at::zeros(mask.sizes(), x.options())
                  .masked_fill(mask.eq(0), kUnseen)
                  .unsqueeze(1)
                  .unsqueeze(1);
  }
  const at::Tensor buckets = position_buckets(token_ids.size(1), config_).to(x.device());
  at::Tensor bias;  // [1 or b, heads, n, n]
  for (size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    if (layer.position_bias.defined()) {
      bias = at::embedding(layer.position_bias, buckets).permute({2, 0, 1}).unsqueeze(0);
      if (padding.defined()) bias = bias + padding;
    }
    x = attend(layer, x, bias);
    const auto parts = layer.gate_and_value(layer.feed_forward_norm(x)).chunk(2, -1);
    x = layer.down(ops::activate(parts[0], ops::Activation::kGeluTanh) * parts[1], x);
    nn::tap(fmt::format("encoder.block.{}", i), x);
  }
  return final_norm_(x);
}

}  // namespace zoetrope::models

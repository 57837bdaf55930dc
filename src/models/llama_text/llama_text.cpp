#include "models/llama_text/llama_text.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "base/status.h"
#include "nn/tap.h"

namespace zoetrope::models {
namespace {

using base::Error;
using base::StatusCode;
using weights::Init;
using weights::Scope;

// How Llama's embedding starts when it is trained from nothing (initializer_range).
constexpr double kTokenStd = 0.02;

Scope body(const Scope& scope) {
  return scope.has("model.embed_tokens.weight") ? scope.sub("model") : scope;
}

// Angle per position of every pair of channels, fp64 [head_dim / 2]. Llama 3.1 leaves the fast
// turns, divides the slow ones by `factor` and goes from one to the other in between; a turn's
// speed is how often it came round in the original context.
at::Tensor frequencies(const LlamaTextConfig& c) {
  const at::Tensor exponent =
      at::arange(0, c.head_dim, 2, at::kDouble) / static_cast<double>(c.head_dim);
  const at::Tensor plain = at::pow(c.rope_theta, -exponent);
  if (!c.rope_scaling) return plain;
  const LlamaRopeScaling& s = *c.rope_scaling;
  const at::Tensor turns = plain * (s.original_max_position_embeddings / (2 * std::numbers::pi));
  const at::Tensor kept =
      ((turns - s.low_freq_factor) / (s.high_freq_factor - s.low_freq_factor)).clamp(0, 1);
  return plain * (kept + (1 - kept) / s.factor);
}

// Causal, and padding hidden from everyone. A large negative number in place of minus infinity
// keeps rows that see nothing finite.
ops::AttentionMask attention_mask(const at::Tensor& mask, at::ScalarType dtype) {
  if (!mask.defined()) return {.causal = true, .additive = {}};
  const int64_t n = mask.size(1);
  const at::Tensor later = at::ones({n, n}, mask.options().dtype(at::kBool)).triu(1);
  const at::Tensor hidden = later.logical_or(mask.eq(0).view({-1, 1, 1, n}));  // [b, 1, n, n]
  const double lowest = dtype == at::kHalf ? -65504.0 : std::numeric_limits<float>::lowest() / 2;
  return {.causal = false,
          .additive =
              at::zeros(hidden.sizes(), mask.options().dtype(dtype)).masked_fill(hidden, lowest)};
}

}  // namespace

LlamaText::LlamaText(const Scope& scope, const LlamaTextConfig& config)
    : config_(config),
      token_embedding_(body(scope).take(
          "embed_tokens.weight", {config.vocab_size, config.hidden_size}, Init::normal(kTokenStd))),
      final_norm_(body(scope).sub("norm"), config.hidden_size, config.rms_norm_eps) {
  const int64_t width = config.hidden_size;
  const int64_t q_width = config.num_attention_heads * config.head_dim;
  const int64_t kv_width = config.num_key_value_heads * config.head_dim;
  for (int64_t i = 0; i < config.num_hidden_layers; ++i) {
    const Scope layer = body(scope).sub("layers", i);
    const Scope attention = layer.sub("self_attn");
    layers_.push_back(
        {.input_norm = {layer.sub("input_layernorm"), width, config.rms_norm_eps},
         .q = {attention.sub("q_proj"), width, q_width, nn::Bias::kNone},
         .kv = {attention, {"k_proj", "v_proj"}, width, kv_width},
         .out = {attention.sub("o_proj"), q_width, width, nn::Bias::kNone},
         .post_attention_norm = {layer.sub("post_attention_layernorm"), width, config.rms_norm_eps},
         .feed_forward = {layer.sub("mlp"),
                          {"gate_proj", "up_proj", "down_proj"},
                          width,
                          config.intermediate_size}});
  }
}

at::Tensor LlamaText::run(const Layer& layer, const at::Tensor& x, const nn::RotaryTable& positions,
                          const ops::AttentionMask& mask) const {
  const at::Tensor normed = layer.input_norm(x);
  const at::Tensor q = layer.q(normed).unflatten(-1, {config_.num_attention_heads, -1});
  const auto kv =
      layer.kv(normed).unflatten(-1, {2, config_.num_key_value_heads, config_.head_dim}).unbind(2);
  // Grouped-query attention: several heads in a row share one head of keys and values.
  const auto repeated = [&](const at::Tensor& t) {
    const int64_t times = config_.num_attention_heads / config_.num_key_value_heads;
    return t.unsqueeze(3).expand({-1, -1, -1, times, -1}).flatten(2, 3);
  };
  const auto rotated = [&](const at::Tensor& t) {
    return nn::rotate(t, positions, nn::RotaryPairs::kHalves);
  };
  const at::Tensor attended =
      ops::attention(rotated(q), repeated(rotated(kv[0])), repeated(kv[1]), mask);
  const at::Tensor y = layer.out(attended.flatten(-2), x);
  return y + layer.feed_forward(layer.post_attention_norm(y));
}

std::vector<at::Tensor> LlamaText::operator()(const at::Tensor& token_ids, const at::Tensor& mask,
                                              const std::vector<int64_t>& wanted) const {
  base::require(token_ids.dim() == 2, "llama_text: token ids must be [batch, tokens]");
  base::require(!mask.defined() || mask.sizes() == token_ids.sizes(),
                "llama_text: the mask must have the shape of the token ids");
  const int64_t n = token_ids.size(1);
  if (n > config_.max_position_embeddings) {
    throw Error(StatusCode::kInvalidArgument,
                fmt::format("llama_text: {} tokens, the model takes at most {}", n,
                            config_.max_position_embeddings));
  }
  const auto layers = static_cast<int64_t>(layers_.size());
  for (const int64_t state : wanted) {
    if (state < 0 || state > layers) {
      throw Error(
          StatusCode::kInvalidArgument,
          fmt::format("llama_text: no hidden state {}; they count from 0 to {}", state, layers));
    }
  }
  const nn::RotaryTable positions = nn::rotary_table(
      at::arange(n, token_ids.options()).unsqueeze(0), frequencies(config_).to(token_ids.device()));
  const ops::AttentionMask attention = attention_mask(mask, token_embedding_.scalar_type());
  std::vector<at::Tensor> states(wanted.size());
  const auto keep = [&](int64_t index, const at::Tensor& x) {
    for (size_t i = 0; i < wanted.size(); ++i) {
      if (wanted[i] == index) states[i] = index == layers ? final_norm_(x) : x;
    }
  };
  at::Tensor x = at::embedding(token_embedding_, token_ids);
  keep(0, x);
  const int64_t last = wanted.empty() ? 0 : *std::max_element(wanted.begin(), wanted.end());
  for (int64_t i = 0; i < last; ++i) {
    x = run(layers_[static_cast<size_t>(i)], x, positions, attention);
    nn::tap(fmt::format("layers.{}", i), x);
    keep(i + 1, x);
  }
  return states;
}

}  // namespace zoetrope::models

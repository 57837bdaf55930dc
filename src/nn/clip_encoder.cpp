#include "nn/clip_encoder.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/status.h"
#include "nn/tap.h"

namespace zoetrope::nn {

ClipEncoderConfig ClipEncoderConfig::from_json(const weights::JsonObject& json,
                                               const ClipEncoderConfig& defaults) {
  ClipEncoderConfig c = defaults;
  c.hidden_size = json.get("hidden_size", c.hidden_size);
  c.intermediate_size = json.get("intermediate_size", c.intermediate_size);
  c.num_hidden_layers = json.get("num_hidden_layers", c.num_hidden_layers);
  c.num_attention_heads = json.get("num_attention_heads", c.num_attention_heads);
  c.hidden_act = json.get("hidden_act", c.hidden_act);
  try {
    ops::parse_activation(c.hidden_act);
  } catch (const base::Error& error) {
    throw base::Error(error.status().with_context(json.source() + ": hidden_act"));
  }
  c.layer_norm_eps = json.get("layer_norm_eps", c.layer_norm_eps);
  if (c.hidden_size <= 0 || c.intermediate_size <= 0 || c.num_hidden_layers <= 0 ||
      c.num_attention_heads <= 0 || c.hidden_size % c.num_attention_heads != 0) {
    throw base::Error(base::StatusCode::kInvalidArgument,
                      json.source() +
                          ": hidden_size, intermediate_size, num_hidden_layers and "
                          "num_attention_heads must be positive, and the heads divide hidden_size");
  }
  return c;
}

nlohmann::json ClipEncoderConfig::to_json() const {
  return {{"hidden_size", hidden_size},
          {"intermediate_size", intermediate_size},
          {"num_hidden_layers", num_hidden_layers},
          {"num_attention_heads", num_attention_heads},
          {"hidden_act", hidden_act},
          {"layer_norm_eps", layer_norm_eps}};
}

ClipEncoder::ClipEncoder(const weights::Scope& scope, const ClipEncoderConfig& config)
    : path_(scope.path()), activation_(ops::parse_activation(config.hidden_act)) {
  const int64_t width = config.hidden_size;
  const HeadLayout heads{config.num_attention_heads, width / config.num_attention_heads};
  const AttentionNames names{"q_proj", "k_proj", "v_proj", "out_proj"};
  for (int64_t i = 0; i < config.num_hidden_layers; ++i) {
    const weights::Scope layer = scope.sub("layers", i);
    layers_.push_back(
        {.norm1 = LayerNorm(layer.sub("layer_norm1"), width, config.layer_norm_eps),
         .attention = BiasedSelfAttention(layer.sub("self_attn"), names, width, heads),
         .norm2 = LayerNorm(layer.sub("layer_norm2"), width, config.layer_norm_eps),
         .up = Linear(layer.sub("mlp").sub("fc1"), width, config.intermediate_size),
         .down = Linear(layer.sub("mlp").sub("fc2"), config.intermediate_size, width)});
  }
}

at::Tensor ClipEncoder::operator()(const at::Tensor& x, const ops::AttentionMask& mask) const {
  return run(x, mask, layers_.size());
}

at::Tensor ClipEncoder::penultimate(const at::Tensor& x, const ops::AttentionMask& mask) const {
  return run(x, mask, layers_.size() - 1);
}

at::Tensor ClipEncoder::run(const at::Tensor& x, const ops::AttentionMask& mask,
                            size_t count) const {
  at::Tensor h = x;
  for (size_t i = 0; i < count; ++i) {
    const Layer& layer = layers_[i];
    h = h + layer.attention(layer.norm1(h), mask);
    h = h + layer.down(ops::activate(layer.up(layer.norm2(h)), activation_));
    tap(fmt::format("{}.layers.{}", path_, i), h);
  }
  return h;
}

}  // namespace zoetrope::nn

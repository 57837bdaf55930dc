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
  c.hidden_size = json.positive("hidden_size", c.hidden_size);
  c.intermediate_size = json.positive("intermediate_size", c.intermediate_size);
  c.num_hidden_layers = json.positive("num_hidden_layers", c.num_hidden_layers);
  c.num_attention_heads = json.positive("num_attention_heads", c.num_attention_heads);
  c.hidden_act = json.get("hidden_act", c.hidden_act);
  try {
    ops::parse_activation(c.hidden_act);
  } catch (const base::Error& error) {
    throw base::Error(error.status().with_context(json.source() + ": hidden_act"));
  }
  c.layer_norm_eps = json.get("layer_norm_eps", c.layer_norm_eps);
  if (c.hidden_size % c.num_attention_heads != 0) {
    throw base::Error(base::StatusCode::kInvalidArgument,
                      json.source() + ": num_attention_heads must divide hidden_size");
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
  return last(penultimate(x, mask), mask);
}

at::Tensor ClipEncoder::penultimate(const at::Tensor& x, const ops::AttentionMask& mask) const {
  at::Tensor h = x;
  for (size_t i = 0; i + 1 < layers_.size(); ++i) h = run(i, h, mask);
  return h;
}

at::Tensor ClipEncoder::last(const at::Tensor& penultimate, const ops::AttentionMask& mask) const {
  return run(layers_.size() - 1, penultimate, mask);
}

at::Tensor ClipEncoder::run(size_t layer, const at::Tensor& x,
                            const ops::AttentionMask& mask) const {
  const Layer& l = layers_[layer];
  at::Tensor h = x + l.attention(l.norm1(x), mask);
  h = h + l.down(ops::activate(l.up(l.norm2(h)), activation_));
  tap(fmt::format("{}.layers.{}", path_, layer), h);
  return h;
}

}  // namespace zoetrope::nn

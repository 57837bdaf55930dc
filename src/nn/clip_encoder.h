// The transformer that CLIP's text and vision models share (transformers, models/clip/
// modeling_clip.py: CLIPEncoder): pre-norm layers of self-attention and a two-layer MLP, names
// layers.N.{layer_norm1, self_attn, layer_norm2, mlp.fc1, mlp.fc2}.
// Immutable after construction; any thread may call it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "nn/biased_attention.h"
#include "nn/linear.h"
#include "nn/norm.h"
#include "ops/activation.h"
#include "weights/json_config.h"
#include "weights/parameters.h"

namespace zoetrope::nn {

// Field names and defaults are transformers'.
struct ClipEncoderConfig {
  int64_t hidden_size = 512;
  int64_t intermediate_size = 2048;
  int64_t num_hidden_layers = 12;
  int64_t num_attention_heads = 8;
  std::string hidden_act = "quick_gelu";
  double layer_norm_eps = 1e-5;

  // Fields absent from `json` keep the values of `defaults`. Throws base::Error naming the field.
  static ClipEncoderConfig from_json(const weights::JsonObject& json,
                                     const ClipEncoderConfig& defaults);
  nlohmann::json to_json() const;
};

class ClipEncoder {
 public:
  ClipEncoder(const weights::Scope& scope, const ClipEncoderConfig& config);
  at::Tensor operator()(const at::Tensor& x,
                        const ops::AttentionMask& mask = {}) const;  // [b, n, c]
  // What the last layer is given: transformers' hidden_states[-2].
  at::Tensor penultimate(const at::Tensor& x, const ops::AttentionMask& mask = {}) const;
  // What the last layer makes of that.
  at::Tensor last(const at::Tensor& penultimate, const ops::AttentionMask& mask = {}) const;

 private:
  struct Layer {
    LayerNorm norm1;
    BiasedSelfAttention attention;
    LayerNorm norm2;
    Linear up, down;
  };
  at::Tensor run(size_t layer, const at::Tensor& x, const ops::AttentionMask& mask) const;

  std::string path_;
  ops::Activation activation_;
  std::vector<Layer> layers_;
};

}  // namespace zoetrope::nn

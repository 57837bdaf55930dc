// Configuration of Llama as a text encoder: fields and defaults are transformers' LlamaConfig.
#pragma once

#include <cstdint>
#include <optional>

#include "weights/json_config.h"

namespace zoetrope::models {

// How Llama 3.1 stretches its rotary positions to a longer context (rope_type "llama3").
struct LlamaRopeScaling {
  double factor = 8.0;
  double low_freq_factor = 1.0;
  double high_freq_factor = 4.0;
  double original_max_position_embeddings = 8192;
};

struct LlamaTextConfig {
  int64_t vocab_size = 32000;
  int64_t hidden_size = 4096;
  int64_t intermediate_size = 11008;
  int64_t num_hidden_layers = 32;
  int64_t num_attention_heads = 32;
  int64_t num_key_value_heads = 32;
  int64_t head_dim = 128;
  int64_t max_position_embeddings = 2048;
  double rms_norm_eps = 1e-6;
  double rope_theta = 10000.0;
  std::optional<LlamaRopeScaling> rope_scaling;

  // Rotary positions stand in `rope_parameters` since transformers 5, before that in `rope_scaling`
  // and `rope_theta`. Throws base::Error naming the field.
  static LlamaTextConfig from_json(const weights::JsonObject& json);
};

}  // namespace zoetrope::models

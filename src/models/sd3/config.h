// Configuration of Stable Diffusion 3's network: fields and defaults are those of diffusers'
// SD3Transformer2DModel. Plain data.
#pragma once

#include <cstdint>
#include <vector>

#include "weights/json_config.h"

namespace zoetrope::models {

struct Sd3Config {
  int64_t patch_size = 2;
  int64_t in_channels = 16;
  int64_t out_channels = 16;  // null in config.json: as in_channels
  int64_t num_layers = 18;
  int64_t attention_head_dim = 64;
  int64_t num_attention_heads = 18;
  int64_t joint_attention_dim = 4096;    // of the text tokens
  int64_t pooled_projection_dim = 2048;  // of the text as one vector
  int64_t pos_embed_max_size = 96;       // rows and columns of the table of positions, in patches
  std::vector<int64_t> dual_attention_layers;  // whose image tokens attend to each other once more
  bool qk_norm = false;  // "rms_norm" in config.json: queries and keys are normalised

  int64_t width() const { return num_attention_heads * attention_head_dim; }

  // Throws base::Error naming the field.
  static Sd3Config from_json(const weights::JsonObject& json);
};

}  // namespace zoetrope::models

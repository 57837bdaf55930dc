// Configuration of FLUX: the fields of diffusers' FluxTransformer2DModel config.json. Defaults are
// diffusers' (FLUX.1-schnell). Plain data.
#pragma once

#include <cstdint>
#include <vector>

#include "weights/json_config.h"

namespace zoetrope::models {

struct FluxConfig {
  int64_t in_channels = 64;   // of an image token: a patch of latents
  int64_t out_channels = 64;  // null in config.json: as in_channels
  int64_t num_layers = 19;    // double-stream blocks
  int64_t num_single_layers = 38;
  int64_t attention_head_dim = 128;
  int64_t num_attention_heads = 24;
  int64_t joint_attention_dim = 4096;   // of the text tokens
  int64_t pooled_projection_dim = 768;  // of the text as one vector
  bool guidance_embeds = false;         // the guidance scale is an input (FLUX.1-dev)
  std::vector<int64_t> axes_dims_rope = {16, 56, 56};  // channels of a head for each position axis

  int64_t width() const { return num_attention_heads * attention_head_dim; }

  // Throws base::Error naming the field.
  static FluxConfig from_json(const weights::JsonObject& json);
};

}  // namespace zoetrope::models

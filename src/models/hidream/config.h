// Configuration of HiDream-I1's network: fields and defaults are those of diffusers'
// HiDreamImageTransformer2DModel.
#pragma once

#include <cstdint>
#include <vector>

#include "weights/json_config.h"

namespace zoetrope::models {

struct HiDreamConfig {
  int64_t patch_size = 2;
  int64_t in_channels = 64;
  int64_t out_channels = 64;
  int64_t num_layers = 16;  // of double-stream blocks
  int64_t num_single_layers = 32;
  int64_t attention_head_dim = 128;
  int64_t num_attention_heads = 20;
  std::vector<int64_t> caption_channels;  // widths of T5 and of Llama
  int64_t text_emb_dim = 2048;            // of the pooled text
  int64_t num_routed_experts = 4;
  int64_t num_activated_experts = 2;
  std::vector<int64_t> axes_dims_rope;  // channels of a head that turn by text, row and column
  std::vector<int64_t> max_resolution = {128, 128};  // of latents
  std::vector<int64_t> llama_layers;                 // which layer's tokens each block sees

  // Throws base::Error naming the field.
  static HiDreamConfig from_json(const weights::JsonObject& json);

  int64_t width() const { return num_attention_heads * attention_head_dim; }
  int64_t blocks() const { return num_layers + num_single_layers; }
  int64_t max_image_tokens() const {
    return max_resolution[0] * max_resolution[1] / (patch_size * patch_size);
  }
};

}  // namespace zoetrope::models

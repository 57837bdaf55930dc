// Configuration of Wan's transformer: the fields of diffusers' WanTransformer3DModel config.json
// that change the computation. Defaults are Wan2.1-T2V-14B. Plain data.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "weights/json_config.h"

namespace zoetrope::models {

struct WanConfig {
  std::array<int64_t, 3> patch_size = {1, 2, 2};  // frames, rows, columns
  int64_t num_attention_heads = 40;
  int64_t attention_head_dim = 128;
  int64_t in_channels = 16;  // of the sample, and of the image that is put behind it
  int64_t out_channels = 16;
  int64_t text_dim = 4096;
  int64_t freq_dim = 256;
  int64_t ffn_dim = 13824;
  int64_t num_layers = 40;
  double eps = 1e-6;
  int64_t image_dim = 0;          // width of image embeddings; 0: the network takes none
  int64_t pos_embed_seq_len = 0;  // how many it takes, each with a position; 0: any, without

  int64_t width() const { return num_attention_heads * attention_head_dim; }
  int64_t image_channels() const { return in_channels - out_channels; }
  int64_t patch_elements() const { return patch_size[0] * patch_size[1] * patch_size[2]; }
  // A head's channels that turn with the frame, the row and the column.
  std::vector<int64_t> rotary_widths() const;

  // kInvalidArgument or kUnimplemented, naming the field.
  static WanConfig from_json(const weights::JsonObject& json);
};

}  // namespace zoetrope::models

// Configuration of the image-to-video U-Net. The first group of fields is diffusers'
// I2VGenXLUNet config.json, field by field. The second group holds the variants of the bundled
// animate model; their defaults are I2VGen-XL, so a published checkpoint needs none of them.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "weights/json_config.h"

namespace zoetrope::models {

struct AnimateUnetConfig {
  int64_t in_channels = 4;  // of one frame's latent
  int64_t out_channels = 4;
  std::vector<int64_t> block_out_channels = {320, 640, 1280, 1280};
  std::vector<bool> down_block_has_attention = {true, true, true, false};  // down_block_types
  std::vector<bool> up_block_has_attention = {false, true, true, true};    // up_block_types
  int64_t layers_per_block = 2;
  int64_t norm_num_groups = 32;
  int64_t cross_attention_dim = 1024;
  int64_t attention_head_dim = 64;

  // -- Variants -------------------------------------------------------------------------------
  // Latents are folded fold x fold pixels into channels before the network (pixel unshuffle) and
  // unfolded after it.
  int64_t latent_fold = 1;
  // Spatial self-attention also sees the keys and values of the clip's first frame, so that moving
  // a thing means copying it; a learnt marker vector tells those keys from the frame's own.
  bool first_frame_keys = false;
  // Learnt position tables are added to the input of spatial (h*w of each level at this latent
  // size) and temporal (frames) self-attention and to the image tokens. 0 = none.
  int64_t position_size = 0;  // height = width of the folded latent
  int64_t position_frames = 0;
  // Residual blocks take the time embedding as scale and shift after their second norm
  // (resnet_time_scale_shift = "scale_shift") instead of a sum before it ("default").
  bool time_scale_shift = false;
  int64_t time_embed_dim = 0;        // 0 = 4 * block_out_channels[0]
  int64_t temporal_conv_layers = 4;  // norm + SiLU + convolution in each temporal block
  bool temporal_double_self_attention = true;
  bool transformer_projections = true;  // norm, proj_in and proj_out around each transformer
  int64_t feed_forward_multiple = 4;    // inner width of GEGLU over the block's width
  bool temporal_transformer_in = true;  // a temporal transformer after conv_in
  bool image_latents_encoder = true;    // convolutions and temporal attention over image latents
  bool image_embeddings = true;         // context tokens from a CLIP image embedding
  int64_t image_context_size = 32;      // image latents are pooled to this size for context tokens
  int64_t image_context_width = 0;      // of the layers before them: w, then 2 w; 0 = 8 * channels

  // A distilled student's guidance scales, image and text, are inputs: one pass stands for the
  // guided three. (FLUX.1 calls its single such scale guidance_embeds too.)
  bool guidance_embeds = false;

  // Block types are diffusers' names ("CrossAttnDownBlock3D", ...), the other fields as above.
  // Throws base::Error naming the field.
  static AnimateUnetConfig from_json(const weights::JsonObject& json);
  nlohmann::json to_json() const;

  int64_t time_embedding_width() const {
    return time_embed_dim > 0 ? time_embed_dim : 4 * block_out_channels.front();
  }
  // Channels of one frame's latent as the network sees it.
  int64_t folded_in_channels() const { return in_channels * latent_fold * latent_fold; }
  int64_t folded_out_channels() const { return out_channels * latent_fold * latent_fold; }
};

}  // namespace zoetrope::models

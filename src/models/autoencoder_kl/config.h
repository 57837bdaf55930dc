// Configuration of AutoencoderKL: the fields of diffusers' config.json that change the computation.
// Defaults are diffusers'. Plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "weights/json_config.h"

namespace zoetrope::models {

struct AutoencoderKlConfig {
  int64_t in_channels = 3;
  int64_t out_channels = 3;
  std::vector<int64_t> block_out_channels = {64};  // width per level, finest first
  int64_t layers_per_block = 1;                    // resnets a level; the decoder has one more
  int64_t latent_channels = 4;
  int64_t norm_num_groups = 32;
  bool use_quant_conv = true;
  bool use_post_quant_conv = true;
  bool mid_block_add_attention = true;

  // How a denoiser wants its latents, see AutoencoderKl::normalise. With latents_mean and
  // latents_std (one number a channel) shift_factor is not used.
  double scaling_factor = 0.18215;
  double shift_factor = 0.0;
  std::vector<double> latents_mean;
  std::vector<double> latents_std;

  // Pixels per latent, along each side.
  int64_t downscale() const { return int64_t{1} << (block_out_channels.size() - 1); }

  // kInvalidArgument or kUnimplemented, naming the field.
  static AutoencoderKlConfig from_json(const weights::JsonObject& json);
  // What diffusers' AutoencoderKL.from_pretrained reads.
  nlohmann::json to_json() const;
};

}  // namespace zoetrope::models

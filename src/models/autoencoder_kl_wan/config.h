// Configuration of Wan's autoencoder: the fields of diffusers' AutoencoderKLWan config.json that
// change the computation. Defaults are Wan2.1's. Plain data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "weights/json_config.h"

namespace zoetrope::models {

struct AutoencoderKlWanConfig {
  int64_t in_channels = 3;
  int64_t out_channels = 3;
  int64_t base_dim = 96;
  int64_t z_dim = 16;
  std::vector<int64_t> dim_mult = {1, 2, 4, 4};  // width per level over base_dim, finest first
  int64_t num_res_blocks = 2;                    // a level; the decoder has one more
  // Whether the step down from each level but the last halves the frames too. The field is spelt
  // temperal_downsample.
  std::vector<bool> temporal_downsample = {false, true, true};
  std::vector<double> latents_mean = {-0.7571, -0.7089, -0.9113, 0.1075,  -0.1745, 0.9653,
                                      -0.1517, 1.5508,  0.4134,  -0.0715, 0.5517,  -0.3632,
                                      -0.1922, -0.9497, 0.2503,  -0.2921};
  std::vector<double> latents_std = {2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708,
                                     2.6052, 2.0743, 3.2687, 2.1526, 2.8652, 1.5579,
                                     1.6382, 1.1253, 2.8251, 1.9160};

  size_t levels() const { return dim_mult.size(); }
  int64_t width(size_t level) const { return base_dim * dim_mult[level]; }
  // Pixels per latent along each side, and frames per latent after the first.
  int64_t downscale() const { return int64_t{1} << (levels() - 1); }
  int64_t frame_downscale() const;

  // kInvalidArgument or kUnimplemented, naming the field.
  static AutoencoderKlWanConfig from_json(const weights::JsonObject& json);
};

}  // namespace zoetrope::models

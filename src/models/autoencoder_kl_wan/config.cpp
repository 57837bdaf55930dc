#include "models/autoencoder_kl_wan/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/status.h"

namespace zoetrope::models {
namespace {

using base::Error;
using base::StatusCode;
using weights::JsonObject;

void validate(const AutoencoderKlWanConfig& c, const JsonObject& json) {
  const auto check = [&](bool condition, const char* message) {
    if (!condition) {
      throw Error(StatusCode::kInvalidArgument, fmt::format("{}: {}", json.source(), message));
    }
  };
  const auto positive = [](auto value) { return value > 0; };
  check(c.base_dim > 0 && c.base_dim % 2 == 0, "base_dim must be positive and even");
  check(!c.dim_mult.empty() && std::ranges::all_of(c.dim_mult, positive),
        "dim_mult must not be empty, its entries positive");
  check(c.temporal_downsample.size() + 1 == c.levels(),
        "temperal_downsample needs one entry fewer than dim_mult");
  const auto channels = static_cast<size_t>(c.z_dim);
  check(c.latents_mean.size() == channels, "latents_mean needs z_dim entries");
  check(c.latents_std.size() == channels && std::ranges::all_of(c.latents_std, positive),
        "latents_std needs z_dim positive entries");
}

void refuse_other_variants(const JsonObject& json) {
  const auto refuse = [&](bool condition, const char* message) {
    if (condition) {
      throw Error(StatusCode::kUnimplemented, fmt::format("{}: {}", json.source(), message));
    }
  };
  refuse(json.get("is_residual", false),
         "is_residual: the autoencoder of Wan2.2-TI2V-5B is not supported");
  refuse(json.has("patch_size"), "patch_size: only null is supported");
  refuse(json.has("decoder_base_dim"), "decoder_base_dim: only null is supported");
  refuse(!json.get<std::vector<double>>("attn_scales", {}).empty(),
         "attn_scales: only an empty list is supported");
}

}  // namespace

int64_t AutoencoderKlWanConfig::frame_downscale() const {
  return int64_t{1} << std::ranges::count(temporal_downsample, true);
}

AutoencoderKlWanConfig AutoencoderKlWanConfig::from_json(const JsonObject& json) {
  AutoencoderKlWanConfig c;
  c.in_channels = json.positive("in_channels", c.in_channels);
  c.out_channels = json.positive("out_channels", c.out_channels);
  c.base_dim = json.get("base_dim", c.base_dim);
  c.z_dim = json.positive("z_dim", c.z_dim);
  c.dim_mult = json.get("dim_mult", c.dim_mult);
  c.num_res_blocks = json.positive("num_res_blocks", c.num_res_blocks);
  c.temporal_downsample = json.get("temperal_downsample", c.temporal_downsample);
  c.latents_mean = json.get("latents_mean", c.latents_mean);
  c.latents_std = json.get("latents_std", c.latents_std);
  refuse_other_variants(json);
  validate(c, json);
  return c;
}

}  // namespace zoetrope::models

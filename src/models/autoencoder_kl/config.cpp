#include "models/autoencoder_kl/config.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/status.h"

namespace zoetrope::models {
namespace {

using base::Error;
using base::StatusCode;
using weights::JsonObject;

constexpr const char* kDownBlock = "DownEncoderBlock2D";
constexpr const char* kUpBlock = "UpDecoderBlock2D";

void require_blocks(const JsonObject& json, const char* field, const char* wanted, size_t levels) {
  const auto types = json.get<std::vector<std::string>>(field, {wanted});
  if (types.size() != levels) {
    throw Error(StatusCode::kInvalidArgument,
                fmt::format("{}: {} has {} entries, block_out_channels {}", json.source(), field,
                            types.size(), levels));
  }
  for (const std::string& type : types) {
    if (type != wanted) {
      throw Error(StatusCode::kUnimplemented,
                  fmt::format("{}: {}: only {} is supported", json.source(), field, wanted));
    }
  }
}

void require_that(bool condition, const JsonObject& json, const char* message) {
  if (!condition) {
    throw Error(StatusCode::kInvalidArgument, fmt::format("{}: {}", json.source(), message));
  }
}

void validate(const AutoencoderKlConfig& c, const JsonObject& json) {
  const auto latent = static_cast<size_t>(c.latent_channels);
  require_that(!c.block_out_channels.empty(), json, "block_out_channels must not be empty");
  for (const int64_t width : c.block_out_channels) {
    require_that(width > 0 && width % c.norm_num_groups == 0, json,
                 "block_out_channels must be multiples of norm_num_groups");
  }
  require_that(c.scaling_factor != 0.0, json, "scaling_factor must not be 0");
  require_that(c.latents_mean.empty() || c.latents_mean.size() == latent, json,
               "latents_mean needs latent_channels entries");
  require_that(c.latents_std.size() == c.latents_mean.size(), json,
               "latents_mean and latents_std need as many entries");
  for (const double std : c.latents_std) {
    require_that(std > 0.0, json, "latents_std must be positive");
  }
}

}  // namespace

AutoencoderKlConfig AutoencoderKlConfig::from_json(const JsonObject& json) {
  AutoencoderKlConfig c;
  c.in_channels = json.positive("in_channels", c.in_channels);
  c.out_channels = json.positive("out_channels", c.out_channels);
  c.block_out_channels = json.get("block_out_channels", c.block_out_channels);
  c.layers_per_block = json.positive("layers_per_block", c.layers_per_block);
  c.latent_channels = json.positive("latent_channels", c.latent_channels);
  c.norm_num_groups = json.positive("norm_num_groups", c.norm_num_groups);
  c.use_quant_conv = json.get("use_quant_conv", c.use_quant_conv);
  c.use_post_quant_conv = json.get("use_post_quant_conv", c.use_post_quant_conv);
  c.mid_block_add_attention = json.get("mid_block_add_attention", c.mid_block_add_attention);
  c.scaling_factor = json.get("scaling_factor", c.scaling_factor);
  c.shift_factor = json.get("shift_factor", c.shift_factor);
  c.latents_mean = json.get("latents_mean", c.latents_mean);
  c.latents_std = json.get("latents_std", c.latents_std);

  validate(c, json);
  require_blocks(json, "down_block_types", kDownBlock, c.block_out_channels.size());
  require_blocks(json, "up_block_types", kUpBlock, c.block_out_channels.size());
  if (json.get<std::string>("act_fn", "silu") != "silu") {
    throw Error(StatusCode::kUnimplemented, json.source() + ": act_fn: only silu is supported");
  }
  return c;
}

nlohmann::json AutoencoderKlConfig::to_json() const {
  const size_t levels = block_out_channels.size();
  nlohmann::json json = {
      {"_class_name", "AutoencoderKL"},
      {"act_fn", "silu"},
      {"in_channels", in_channels},
      {"out_channels", out_channels},
      {"block_out_channels", block_out_channels},
      {"down_block_types", std::vector<std::string>(levels, kDownBlock)},
      {"up_block_types", std::vector<std::string>(levels, kUpBlock)},
      {"layers_per_block", layers_per_block},
      {"latent_channels", latent_channels},
      {"norm_num_groups", norm_num_groups},
      {"use_quant_conv", use_quant_conv},
      {"use_post_quant_conv", use_post_quant_conv},
      {"mid_block_add_attention", mid_block_add_attention},
      {"scaling_factor", scaling_factor},
  };
  if (shift_factor != 0.0) json["shift_factor"] = shift_factor;
  if (!latents_mean.empty()) {
    json["latents_mean"] = latents_mean;
    json["latents_std"] = latents_std;
  }
  return json;
}

}  // namespace zoetrope::models

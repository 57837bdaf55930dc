#include "models/animate_unet/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "base/status.h"

namespace zoetrope::models {
namespace {

using base::Error;
using base::StatusCode;
using weights::JsonObject;

struct BlockTypes {
  const char* field;
  const char* attention;
  const char* plain;
};
constexpr BlockTypes kDown{"down_block_types", "CrossAttnDownBlock3D", "DownBlock3D"};
constexpr BlockTypes kUp{"up_block_types", "CrossAttnUpBlock3D", "UpBlock3D"};

std::vector<std::string> names_of(const std::vector<bool>& has_attention, const BlockTypes& types) {
  std::vector<std::string> names;
  names.reserve(has_attention.size());
  for (const bool attention : has_attention) {
    names.emplace_back(attention ? types.attention : types.plain);
  }
  return names;
}

std::vector<bool> read_blocks(const JsonObject& json, const std::vector<bool>& otherwise,
                              const BlockTypes& types) {
  std::vector<bool> has_attention;
  for (const std::string& name : json.get(types.field, names_of(otherwise, types))) {
    if (name != types.attention && name != types.plain) {
      throw Error(StatusCode::kUnimplemented,
                  fmt::format("{}: {}: only {} and {} are supported", json.source(), types.field,
                              types.attention, types.plain));
    }
    has_attention.push_back(name == types.attention);
  }
  return has_attention;
}

// Calls visit(name, field) for every variant of the bundled model.
template <typename Config, typename Visit>
void visit_variants(Config& c, const Visit& visit) {
  visit("latent_fold", c.latent_fold);
  visit("first_frame_keys", c.first_frame_keys);
  visit("position_size", c.position_size);
  visit("position_frames", c.position_frames);
  visit("time_scale_shift", c.time_scale_shift);
  visit("time_embed_dim", c.time_embed_dim);
  visit("temporal_conv_layers", c.temporal_conv_layers);
  visit("temporal_double_self_attention", c.temporal_double_self_attention);
  visit("transformer_projections", c.transformer_projections);
  visit("feed_forward_multiple", c.feed_forward_multiple);
  visit("temporal_transformer_in", c.temporal_transformer_in);
  visit("image_latents_encoder", c.image_latents_encoder);
  visit("image_embeddings", c.image_embeddings);
  visit("image_context_size", c.image_context_size);
  visit("image_context_width", c.image_context_width);
  visit("guidance_embeds", c.guidance_embeds);
}

void validate(const AnimateUnetConfig& c, const std::string& source) {
  const auto check = [&](bool condition, const char* message) {
    if (!condition) {
      throw Error(StatusCode::kInvalidArgument, fmt::format("{}: {}", source, message));
    }
  };
  check(!c.block_out_channels.empty(), "block_out_channels must not be empty");
  for (const int64_t width : c.block_out_channels) {
    check(width > 0 && width % c.norm_num_groups == 0 && width % c.attention_head_dim == 0,
          "block_out_channels must be multiples of norm_num_groups and of attention_head_dim");
  }
  check(c.down_block_has_attention.size() == c.block_out_channels.size(),
        "down_block_types needs as many entries as block_out_channels");
  check(c.up_block_has_attention.size() == c.block_out_channels.size(),
        "up_block_types needs as many entries as block_out_channels");
  check(c.latent_fold > 0, "latent_fold must be positive");
  check(c.position_size >= 0 && c.position_frames >= 0 && c.time_embed_dim >= 0,
        "position_size, position_frames and time_embed_dim must not be negative");
  check(c.temporal_conv_layers > 0, "temporal_conv_layers must be positive");
  check(c.feed_forward_multiple > 0, "feed_forward_multiple must be positive");
  check(c.image_context_size > 0, "image_context_size must be positive");
}

}  // namespace

AnimateUnetConfig AnimateUnetConfig::from_json(const JsonObject& json) {
  AnimateUnetConfig c;
  c.in_channels = json.positive("in_channels", c.in_channels);
  c.out_channels = json.positive("out_channels", c.out_channels);
  c.block_out_channels = json.get("block_out_channels", c.block_out_channels);
  c.down_block_has_attention = read_blocks(json, c.down_block_has_attention, kDown);
  c.up_block_has_attention = read_blocks(json, c.up_block_has_attention, kUp);
  c.layers_per_block = json.positive("layers_per_block", c.layers_per_block);
  c.norm_num_groups = json.positive("norm_num_groups", c.norm_num_groups);
  c.cross_attention_dim = json.positive("cross_attention_dim", c.cross_attention_dim);
  c.attention_head_dim = json.positive("attention_head_dim", c.attention_head_dim);
  visit_variants(c, [&](const char* name, auto& field) { field = json.get(name, field); });
  validate(c, json.source());
  return c;
}

nlohmann::json AnimateUnetConfig::to_json() const {
  nlohmann::json json = {
      {"_class_name", "I2VGenXLUNet"},
      {"in_channels", in_channels},
      {"out_channels", out_channels},
      {"block_out_channels", block_out_channels},
      {kDown.field, names_of(down_block_has_attention, kDown)},
      {kUp.field, names_of(up_block_has_attention, kUp)},
      {"layers_per_block", layers_per_block},
      {"norm_num_groups", norm_num_groups},
      {"cross_attention_dim", cross_attention_dim},
      {"attention_head_dim", attention_head_dim},
  };
  visit_variants(*this, [&](const char* name, const auto& field) { json[name] = field; });
  return json;
}

}  // namespace zoetrope::models

#include "models/wan/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/status.h"

namespace zoetrope::models {
namespace {

using base::Error;
using base::StatusCode;
using weights::JsonObject;

constexpr const char* kQkNorm = "rms_norm_across_heads";

void validate(const WanConfig& c, const JsonObject& json) {
  const auto check = [&](bool condition, const char* message) {
    if (!condition) {
      throw Error(StatusCode::kInvalidArgument, fmt::format("{}: {}", json.source(), message));
    }
  };
  check(std::ranges::all_of(c.patch_size, [](int64_t side) { return side > 0; }),
        "patch_size must be positive");
  check(c.attention_head_dim >= 6 && c.attention_head_dim % 2 == 0,
        "attention_head_dim must be even and at least 6");
  check(c.in_channels >= c.out_channels, "in_channels must be no smaller than out_channels");
  check(c.freq_dim > 0 && c.freq_dim % 2 == 0, "freq_dim must be positive and even");
  check(c.eps > 0, "eps must be positive");
  check(c.image_dim >= 0 && c.pos_embed_seq_len >= 0,
        "image_dim and pos_embed_seq_len must not be negative");
  const auto added = json.get<int64_t>("added_kv_proj_dim", 0);
  check(added == (c.image_dim > 0 ? c.width() : 0),
        "added_kv_proj_dim must be num_attention_heads * attention_head_dim if there is an "
        "image_dim, and absent otherwise");
}

void refuse_other_variants(const JsonObject& json) {
  if (json.get<std::string>("qk_norm", kQkNorm) != kQkNorm) {
    throw Error(StatusCode::kUnimplemented,
                fmt::format("{}: qk_norm: only {} is supported", json.source(), kQkNorm));
  }
  if (!json.get("cross_attn_norm", true)) {
    throw Error(StatusCode::kUnimplemented,
                json.source() + ": cross_attn_norm: only true is supported");
  }
}

}  // namespace

std::vector<int64_t> WanConfig::rotary_widths() const {
  const int64_t spatial = 2 * (attention_head_dim / 6);
  return {attention_head_dim - 2 * spatial, spatial, spatial};
}

WanConfig WanConfig::from_json(const JsonObject& json) {
  WanConfig c;
  const auto patch =
      json.get<std::vector<int64_t>>("patch_size", {c.patch_size.begin(), c.patch_size.end()});
  if (patch.size() != c.patch_size.size()) {
    throw Error(StatusCode::kInvalidArgument, json.source() + ": patch_size needs 3 entries");
  }
  std::ranges::copy(patch, c.patch_size.begin());
  c.num_attention_heads = json.positive("num_attention_heads", c.num_attention_heads);
  c.attention_head_dim = json.get("attention_head_dim", c.attention_head_dim);
  c.in_channels = json.get("in_channels", c.in_channels);
  c.out_channels = json.positive("out_channels", c.out_channels);
  c.text_dim = json.positive("text_dim", c.text_dim);
  c.freq_dim = json.get("freq_dim", c.freq_dim);
  c.ffn_dim = json.positive("ffn_dim", c.ffn_dim);
  c.num_layers = json.positive("num_layers", c.num_layers);
  c.eps = json.get("eps", c.eps);
  c.image_dim = json.get("image_dim", c.image_dim);
  c.pos_embed_seq_len = json.get("pos_embed_seq_len", c.pos_embed_seq_len);
  validate(c, json);
  refuse_other_variants(json);
  return c;
}

}  // namespace zoetrope::models

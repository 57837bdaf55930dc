#include "models/sd3/config.h"

#include <string>

#include "base/status.h"

namespace zoetrope::models {
namespace {

using base::Error;
using base::StatusCode;

}  // namespace

Sd3Config Sd3Config::from_json(const weights::JsonObject& json) {
  Sd3Config c;
  c.patch_size = json.positive("patch_size", c.patch_size);
  c.in_channels = json.positive("in_channels", c.in_channels);
  c.out_channels = json.positive("out_channels", c.in_channels);
  c.num_layers = json.positive("num_layers", c.num_layers);
  c.attention_head_dim = json.positive("attention_head_dim", c.attention_head_dim);
  c.num_attention_heads = json.positive("num_attention_heads", c.num_attention_heads);
  c.joint_attention_dim = json.positive("joint_attention_dim", c.joint_attention_dim);
  c.pooled_projection_dim = json.positive("pooled_projection_dim", c.pooled_projection_dim);
  c.pos_embed_max_size = json.positive("pos_embed_max_size", c.pos_embed_max_size);
  c.dual_attention_layers = json.get("dual_attention_layers", c.dual_attention_layers);
  const auto norm = json.get<std::string>("qk_norm", "");
  c.qk_norm = norm == "rms_norm";

  const auto refuse = [&](StatusCode code, const char* why) {
    throw Error(code, json.source() + ": " + why);
  };
  for (const int64_t layer : c.dual_attention_layers) {
    if (layer < 0 || layer >= c.num_layers) {
      refuse(StatusCode::kInvalidArgument, "dual_attention_layers names a layer there is not");
    }
  }
  if (json.get("caption_projection_dim", c.width()) != c.width()) {
    refuse(StatusCode::kInvalidArgument,
           "caption_projection_dim must be num_attention_heads * attention_head_dim");
  }
  if (!norm.empty() && !c.qk_norm) {
    refuse(StatusCode::kUnimplemented, "qk_norm: only rms_norm or none is supported");
  }
  return c;
}

}  // namespace zoetrope::models

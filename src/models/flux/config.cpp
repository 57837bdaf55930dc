#include "models/flux/config.h"

#include <numeric>

#include "base/status.h"

namespace zoetrope::models {

using base::Error;
using base::StatusCode;

FluxConfig FluxConfig::from_json(const weights::JsonObject& json) {
  FluxConfig c;
  c.in_channels = json.positive("in_channels", c.in_channels);
  c.out_channels = json.positive("out_channels", c.in_channels);
  c.num_layers = json.positive("num_layers", c.num_layers);
  c.num_single_layers = json.positive("num_single_layers", c.num_single_layers);
  c.attention_head_dim = json.positive("attention_head_dim", c.attention_head_dim);
  c.num_attention_heads = json.positive("num_attention_heads", c.num_attention_heads);
  c.joint_attention_dim = json.positive("joint_attention_dim", c.joint_attention_dim);
  c.pooled_projection_dim = json.positive("pooled_projection_dim", c.pooled_projection_dim);
  c.guidance_embeds = json.get("guidance_embeds", c.guidance_embeds);
  c.axes_dims_rope = json.get("axes_dims_rope", c.axes_dims_rope);

  if (json.get<int64_t>("patch_size", 1) != 1) {
    throw Error(StatusCode::kUnimplemented, json.source() + ": patch_size: only 1 is supported");
  }
  bool even = c.axes_dims_rope.size() == 3;
  for (const int64_t width : c.axes_dims_rope) even = even && width > 0 && width % 2 == 0;
  if (!even || std::accumulate(c.axes_dims_rope.begin(), c.axes_dims_rope.end(), int64_t{0}) !=
                   c.attention_head_dim) {
    throw Error(StatusCode::kInvalidArgument,
                json.source() +
                    ": axes_dims_rope must be three even numbers that add up to "
                    "attention_head_dim");
  }
  return c;
}

}  // namespace zoetrope::models

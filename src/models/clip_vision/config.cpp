#include <string>
#include <vector>

#include "base/status.h"
#include "models/clip_vision/clip_vision.h"

namespace zoetrope::models {

ClipVisionConfig ClipVisionConfig::from_json(const weights::JsonObject& json) {
  ClipVisionConfig c;
  c.encoder = nn::ClipEncoderConfig::from_json(json, c.encoder);
  c.num_channels = json.positive("num_channels", c.num_channels);
  c.image_size = json.get("image_size", c.image_size);
  c.patch_size = json.positive("patch_size", c.patch_size);
  c.projection_dim = json.positive("projection_dim", c.projection_dim);
  if (c.image_size < c.patch_size) {
    throw base::Error(base::StatusCode::kInvalidArgument,
                      json.source() + ": image_size must be no smaller than patch_size");
  }
  // Every CLIPVisionConfig has projection_dim; which class was saved tells whether it is used.
  if (json.get<std::vector<std::string>>("architectures", {}) ==
      std::vector<std::string>{"CLIPVisionModel"}) {
    c.projection_dim = 0;
  }
  return c;
}

}  // namespace zoetrope::models

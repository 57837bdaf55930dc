#include <string>
#include <vector>

#include "base/status.h"
#include "models/clip_vision/clip_vision.h"

namespace zoetrope::models {

ClipVisionConfig ClipVisionConfig::from_json(const weights::JsonObject& json) {
  ClipVisionConfig c;
  c.encoder = nn::ClipEncoderConfig::from_json(json, c.encoder);
  c.num_channels = json.get("num_channels", c.num_channels);
  c.image_size = json.get("image_size", c.image_size);
  c.patch_size = json.get("patch_size", c.patch_size);
  c.projection_dim = json.get("projection_dim", c.projection_dim);
  if (c.num_channels <= 0 || c.projection_dim <= 0 || c.patch_size <= 0 ||
      c.image_size < c.patch_size) {
    throw base::Error(base::StatusCode::kInvalidArgument,
                      json.source() +
                          ": num_channels, projection_dim and patch_size must be positive and "
                          "image_size no smaller than patch_size");
  }
  // Every CLIPVisionConfig has projection_dim; which class was saved tells whether it is used.
  if (json.get<std::vector<std::string>>("architectures", {}) ==
      std::vector<std::string>{"CLIPVisionModel"}) {
    c.projection_dim = 0;
  }
  return c;
}

}  // namespace zoetrope::models

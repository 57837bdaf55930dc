#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "models/clip_text/clip_text.h"

namespace zoetrope::models {

namespace {

constexpr const char* kWithProjection = "CLIPTextModelWithProjection";
constexpr int64_t kDefaultProjection = 512;

}  // namespace

ClipTextConfig ClipTextConfig::from_json(const weights::JsonObject& json) {
  ClipTextConfig c;
  c.encoder = nn::ClipEncoderConfig::from_json(json, c.encoder);
  c.vocab_size = json.positive("vocab_size", c.vocab_size);
  c.max_position_embeddings = json.positive("max_position_embeddings", c.max_position_embeddings);
  c.eos_token_id = json.get("eos_token_id", c.eos_token_id);
  // Every CLIPTextConfig has projection_dim; which class was saved tells whether it is used.
  const auto classes = json.get<std::vector<std::string>>("architectures", {});
  if (std::find(classes.begin(), classes.end(), kWithProjection) != classes.end()) {
    c.projection_dim = json.get("projection_dim", kDefaultProjection);
  }
  return c;
}

nlohmann::json ClipTextConfig::to_json() const {
  nlohmann::json json = encoder.to_json();
  json["architectures"] = {projection_dim > 0 ? kWithProjection : "CLIPTextModel"};
  if (projection_dim > 0) json["projection_dim"] = projection_dim;
  json["model_type"] = "clip_text_model";
  json["vocab_size"] = vocab_size;
  json["max_position_embeddings"] = max_position_embeddings;
  json["eos_token_id"] = eos_token_id;
  return json;
}

}  // namespace zoetrope::models

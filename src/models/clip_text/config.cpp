#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/status.h"
#include "models/clip_text/clip_text.h"

namespace zoetrope::models {

ClipTextConfig ClipTextConfig::from_json(const weights::JsonObject& json) {
  ClipTextConfig c;
  c.encoder = nn::ClipEncoderConfig::from_json(json, c.encoder);
  c.vocab_size = json.get("vocab_size", c.vocab_size);
  c.max_position_embeddings = json.get("max_position_embeddings", c.max_position_embeddings);
  c.eos_token_id = json.get("eos_token_id", c.eos_token_id);
  if (c.vocab_size <= 0 || c.max_position_embeddings <= 0) {
    throw base::Error(base::StatusCode::kInvalidArgument,
                      json.source() + ": vocab_size and max_position_embeddings must be positive");
  }
  return c;
}

nlohmann::json ClipTextConfig::to_json() const {
  nlohmann::json json = encoder.to_json();
  json["architectures"] = {"CLIPTextModel"};
  json["model_type"] = "clip_text_model";
  json["vocab_size"] = vocab_size;
  json["max_position_embeddings"] = max_position_embeddings;
  json["eos_token_id"] = eos_token_id;
  return json;
}

}  // namespace zoetrope::models

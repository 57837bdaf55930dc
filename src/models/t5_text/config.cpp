#include <string>

#include "base/status.h"
#include "models/t5_text/t5_text.h"

namespace zoetrope::models {

using base::Error;
using base::StatusCode;

T5TextConfig T5TextConfig::from_json(const weights::JsonObject& json) {
  T5TextConfig c;
  c.vocab_size = json.positive("vocab_size", c.vocab_size);
  c.d_model = json.positive("d_model", c.d_model);
  c.d_kv = json.positive("d_kv", c.d_kv);
  c.d_ff = json.positive("d_ff", c.d_ff);
  c.num_layers = json.positive("num_layers", c.num_layers);
  c.num_heads = json.positive("num_heads", c.num_heads);
  c.relative_attention_num_buckets =
      json.get("relative_attention_num_buckets", c.relative_attention_num_buckets);
  // Configurations written before transformers 4.17 lack the distance: it was 128.
  c.relative_attention_max_distance =
      json.get("relative_attention_max_distance", c.relative_attention_max_distance);
  c.layer_norm_epsilon = json.get("layer_norm_epsilon", c.layer_norm_epsilon);

  const auto type = json.require<std::string>("model_type");
  if (type != "t5" && type != "umt5") {
    throw Error(StatusCode::kUnimplemented,
                json.source() + ": model_type: only t5 and umt5 are supported");
  }
  c.position_bias_per_layer = type == "umt5";
  if (json.require<std::string>("feed_forward_proj") != "gated-gelu") {
    throw Error(StatusCode::kUnimplemented,
                json.source() + ": feed_forward_proj: only gated-gelu is supported");
  }
  // Half of the buckets for each direction, half of those for single distances.
  const int64_t buckets = c.relative_attention_num_buckets;
  if (buckets <= 0 || buckets % 4 != 0 || c.relative_attention_max_distance <= buckets / 4) {
    throw Error(StatusCode::kInvalidArgument,
                json.source() +
                    ": relative_attention_num_buckets must be a multiple of 4, and a quarter of it "
                    "less than relative_attention_max_distance");
  }
  return c;
}

}  // namespace zoetrope::models

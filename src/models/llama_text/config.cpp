#include "models/llama_text/config.h"

#include <fmt/format.h>

#include <string>

#include "base/status.h"

namespace zoetrope::models {
namespace {

using base::Error;
using base::StatusCode;
using weights::JsonObject;

void read_rope(const JsonObject& json, LlamaTextConfig& c) {
  const bool current = json.has("rope_parameters");
  const char* key = current ? "rope_parameters" : "rope_scaling";
  c.rope_theta = json.get("rope_theta", c.rope_theta);
  if (!json.has(key)) return;
  const auto rope = json.require<JsonObject>(key);
  c.rope_theta = rope.get("rope_theta", c.rope_theta);
  const auto type = rope.get<std::string>("rope_type", "default");
  if (type == "default") return;
  if (type != "llama3") {
    throw Error(
        StatusCode::kUnimplemented,
        fmt::format("{}: {}.rope_type: only default and llama3 are supported", json.source(), key));
  }
  c.rope_scaling = {
      .factor = rope.require<double>("factor"),
      .low_freq_factor = rope.require<double>("low_freq_factor"),
      .high_freq_factor = rope.require<double>("high_freq_factor"),
      .original_max_position_embeddings = rope.require<double>("original_max_position_embeddings")};
  if (c.rope_scaling->factor <= 0 ||
      c.rope_scaling->high_freq_factor <= c.rope_scaling->low_freq_factor) {
    throw Error(StatusCode::kInvalidArgument,
                fmt::format("{}: {}: factor must be positive and high_freq_factor above "
                            "low_freq_factor",
                            json.source(), key));
  }
}

void validate(const LlamaTextConfig& c, const JsonObject& json) {
  const auto check = [&](bool condition, StatusCode code, const char* message) {
    if (!condition) throw Error(code, fmt::format("{}: {}", json.source(), message));
  };
  check(c.num_attention_heads % c.num_key_value_heads == 0, StatusCode::kInvalidArgument,
        "num_attention_heads must be a multiple of num_key_value_heads");
  check(c.head_dim % 2 == 0, StatusCode::kInvalidArgument, "head_dim must be even");
  check(json.get<std::string>("hidden_act", "silu") == "silu", StatusCode::kUnimplemented,
        "hidden_act: only silu is supported");
  check(!json.get("attention_bias", false) && !json.get("mlp_bias", false),
        StatusCode::kUnimplemented, "attention_bias and mlp_bias are not supported");
}

}  // namespace

LlamaTextConfig LlamaTextConfig::from_json(const JsonObject& json) {
  LlamaTextConfig c;
  c.vocab_size = json.positive("vocab_size", c.vocab_size);
  c.hidden_size = json.positive("hidden_size", c.hidden_size);
  c.intermediate_size = json.positive("intermediate_size", c.intermediate_size);
  c.num_hidden_layers = json.positive("num_hidden_layers", c.num_hidden_layers);
  c.num_attention_heads = json.positive("num_attention_heads", c.num_attention_heads);
  c.num_key_value_heads = json.positive("num_key_value_heads", c.num_attention_heads);
  c.head_dim = json.positive("head_dim", c.hidden_size / c.num_attention_heads);
  c.max_position_embeddings = json.positive("max_position_embeddings", c.max_position_embeddings);
  c.rms_norm_eps = json.get("rms_norm_eps", c.rms_norm_eps);
  read_rope(json, c);
  validate(c, json);
  return c;
}

}  // namespace zoetrope::models

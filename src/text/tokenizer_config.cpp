#include "text/tokenizer_config.h"

#include <cmath>

namespace zoetrope::text {

namespace {

using weights::JsonObject;

std::optional<JsonObject> read_optional(const std::string& path) {
  auto json = JsonObject::read(path);
  if (json.status().code() == base::StatusCode::kNotFound) return std::nullopt;
  return std::move(json).value_or_throw();
}

TokenizerConfig::Token read_token(const JsonObject& token) {
  return {.content = token.require<std::string>("content"),
          .normalized = token.get<bool>("normalized", false),
          .lstrip = token.get<bool>("lstrip", false),
          .rstrip = token.get<bool>("rstrip", false)};
}

}  // namespace

TokenizerConfig::TokenizerConfig(const std::string& folder)
    : config_(read_optional(folder + "/tokenizer_config.json")) {
  if (config_ && config_->has("added_tokens_decoder")) {
    const auto added = config_->require<JsonObject>("added_tokens_decoder");
    for (const std::string& id : added.keys()) {
      const Token token = read_token(added.require<JsonObject>(id));
      added_[token.content] = token;
    }
  } else {  // an older layout, in which this file has the last word
    special_map_ = read_optional(folder + "/special_tokens_map.json");
  }
}

// {"bos_token": "<s>"} or {"bos_token": {"content": "<s>", "normalized": true, ...}}
std::optional<TokenizerConfig::Token> TokenizerConfig::role(const std::string& role) const {
  for (const auto* source : {&special_map_, &config_}) {
    if (!*source || !(*source)->has(role)) continue;
    if ((*source)->is_object(role)) return read_token((*source)->require<JsonObject>(role));
    const auto name = (*source)->require<std::string>(role);
    const auto known = added_.find(name);
    return known == added_.end() ? Token{.content = name, .normalized = {}} : known->second;
  }
  return std::nullopt;
}

int TokenizerConfig::max_length(int longest, int fallback) const {
  if (!config_ || !config_->has("model_max_length")) return fallback;
  const auto length = config_->require<double>("model_max_length");
  if (length > longest) return fallback;
  if (length < 2 || std::floor(length) != length) {
    throw base::Error(base::data_loss(
        config_->source() + ": field 'model_max_length' must be an integer of at least 2"));
  }
  return static_cast<int>(length);
}

int TokenizerConfig::integer(const std::string& field, int fallback) const {
  return config_ ? config_->get<int>(field, fallback) : fallback;
}

std::string TokenizerConfig::string(const std::string& field) const {
  return config_ ? config_->get<std::string>(field, "") : "";
}

}  // namespace zoetrope::text

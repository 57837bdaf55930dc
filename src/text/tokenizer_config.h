// tokenizer_config.json and special_tokens_map.json of a tokenizer folder. Both may be missing.
// Functions throw base::Error (kDataLoss) with one line that names file and field.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "weights/json_config.h"

namespace zoetrope::text {

class TokenizerConfig {
 public:
  explicit TokenizerConfig(const std::string& folder);

  // How a special token is looked for. Flags as in `tokenizers`.
  struct Token {
    std::string content;
    std::optional<bool> normalized;  // nothing where the files do not say
    bool lstrip = false;
    bool rstrip = false;
  };

  // The token in the role "pad_token", "eos_token"...; nothing where no file names one.
  std::optional<Token> role(const std::string& role) const;

  // What added_tokens_decoder says, by content.
  const std::map<std::string, Token>& added() const { return added_; }

  // model_max_length; `fallback` where it is missing or over `longest`: transformers writes 1e30
  // for "no limit".
  int max_length(int longest, int fallback) const;

  // A field of tokenizer_config.json, or `fallback`.
  int integer(const std::string& field, int fallback) const;
  std::string string(const std::string& field) const;  // empty where it is missing

 private:
  std::optional<weights::JsonObject> config_;
  std::optional<weights::JsonObject> special_map_;
  std::map<std::string, Token> added_;
};

}  // namespace zoetrope::text

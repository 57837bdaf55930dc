// ClipTokenizer::open: the files of a tokenizer folder.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/in_quotes.h"
#include "weights/clip_text.h"
#include "weights/clip_tokenizer.h"
#include "weights/json.h"
#include "weights/json_config.h"
#include "weights/mapped_file.h"

namespace zoetrope::weights {

namespace {

constexpr int kClipLength = 77;
constexpr std::array kRoles = {
    std::pair{"bos_token", "<|startoftext|>"}, std::pair{"eos_token", "<|endoftext|>"},
    std::pair{"unk_token", "<|endoftext|>"}, std::pair{"pad_token", "<|endoftext|>"}};
// transformers writes 1e30 for "no limit"; nothing CLIP-like is trained beyond a few hundred.
constexpr double kLongestLength = 1 << 16;

[[noreturn]] void fail(const std::string& path, const std::string& why) {
  throw base::Error(base::data_loss(path + ": " + why));
}

// {"token": id, ...}
std::unordered_map<std::string, std::int32_t> parse_ids(const nlohmann::json& json,
                                                        const std::string& path) {
  if (!json.is_object()) fail(path, "the vocabulary is not an object of tokens and ids");
  std::unordered_map<std::string, std::int32_t> ids;
  for (const auto& [token, id] : json.items()) {
    if (!id.is_number_unsigned() ||
        id.get<std::uint64_t>() > std::numeric_limits<std::int32_t>::max()) {
      fail(path, "token " + base::in_quotes(token) + " has no valid id");
    }
    ids.emplace(token, id.get<std::int32_t>());
  }
  return ids;
}

// "left right"
std::pair<std::string, std::string> parse_merge(std::string_view line, const std::string& where) {
  const std::size_t space = line.find(' ');
  if (space == 0 || space == std::string_view::npos || space + 1 == line.size() ||
      line.find(' ', space + 1) != std::string_view::npos) {
    fail(where, "a merge is two symbols with a space between them");
  }
  return {std::string(line.substr(0, space)), std::string(line.substr(space + 1))};
}

std::vector<std::pair<std::string, std::string>> read_merges(const std::string& path) {
  const MappedFile file = MappedFile::open(path).value_or_throw();
  std::vector<std::pair<std::string, std::string>> merges;
  std::string_view rest = file.text();
  for (int number = 1; !rest.empty(); ++number) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (line.empty() || line.starts_with("#version")) continue;
    merges.push_back(parse_merge(line, fmt::format("{}: line {}", path, number)));
  }
  return merges;
}

// tokenizer.json writes merges as "left right" or as ["left", "right"], by its age.
BpeVocabulary parse_tokenizer_json(const nlohmann::json& json, const std::string& path) {
  const nlohmann::json model = json.is_object() ? json.value("model", nlohmann::json()) : json;
  if (!model.is_object() || !model.contains("vocab") || !model.contains("merges") ||
      !model["merges"].is_array()) {
    fail(path, "no model with vocab and merges");
  }
  BpeVocabulary vocabulary{parse_ids(model["vocab"], path), {}};
  for (const nlohmann::json& merge : model["merges"]) {
    if (merge.is_string()) {
      vocabulary.merges.push_back(parse_merge(merge.get_ref<const std::string&>(), path));
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
               merge[1].is_string()) {
      vocabulary.merges.emplace_back(merge[0].get<std::string>(), merge[1].get<std::string>());
    } else {
      fail(path, "a merge is neither a string nor two strings");
    }
  }
  return vocabulary;
}

struct SpecialToken {
  std::string name;
  bool normalized;
};

}  // namespace

class ClipTokenizerFolder {
 public:
  explicit ClipTokenizerFolder(std::string folder) : folder_(std::move(folder)) {
    config_ = read_optional("tokenizer_config.json");
    const bool has_added_tokens = config_ && config_->has("added_tokens_decoder");
    if (has_added_tokens) {
      const auto added = config_->require<JsonObject>("added_tokens_decoder");
      for (const std::string& id : added.keys()) {
        const auto token = added.require<JsonObject>(id);
        normalized_[token.require<std::string>("content")] = token.get<bool>("normalized", false);
      }
    } else {  // an older layout, in which this file has the last word
      special_map_ = read_optional("special_tokens_map.json");
    }
  }

  ClipTokenizer load() {
    const BpeVocabulary vocabulary = read_vocabulary();
    std::vector<std::int32_t> ids;  // in the order of kRoles
    std::map<std::string, bool>
        cleaned;  // a token in two roles is looked for as the later one says
    for (const auto& [role, usual] : kRoles) {
      const SpecialToken token = special_token(role, usual);
      const auto id = vocabulary.ids.find(token.name);
      if (token.name.empty() || id == vocabulary.ids.end()) {
        fail(folder_,
             fmt::format("{} {} is not in the vocabulary", role, base::in_quotes(token.name)));
      }
      ids.push_back(id->second);
      cleaned[token.name] = token.normalized;
    }

    auto encoder = BpeEncoder::build(vocabulary, ids[2]);
    if (!encoder.ok()) throw base::Error(encoder.status().with_context(folder_));
    ClipTokenizer tokenizer(std::move(encoder).value());
    tokenizer.begin_ = ids[0];
    tokenizer.end_ = ids[1];
    tokenizer.padding_ = ids[3];
    for (const auto& [name, is_cleaned] : cleaned) {
      tokenizer.specials_.push_back(
          {is_cleaned ? clean_clip_text(name) : name, vocabulary.ids.at(name), is_cleaned});
    }
    tokenizer.max_length_ = max_length();
    for (const auto& [token, id] : vocabulary.ids) {
      tokenizer.largest_ = std::max(tokenizer.largest_, id);
    }
    return tokenizer;
  }

 private:
  std::string file(const char* name) const { return folder_ + "/" + name; }

  std::optional<JsonObject> read_optional(const char* name) const {
    auto json = JsonObject::read(file(name));
    if (json.status().code() == base::StatusCode::kNotFound) return std::nullopt;
    return std::move(json).value_or_throw();
  }

  BpeVocabulary read_vocabulary() {
    std::error_code ignored;
    if (!std::filesystem::exists(file("vocab.json"), ignored)) {
      const std::string path = file("tokenizer.json");
      auto result = read_json_file(path);
      if (result.status().code() == base::StatusCode::kNotFound) {
        throw base::Error(base::not_found(folder_ + ": neither vocab.json nor tokenizer.json"));
      }
      const nlohmann::json json = std::move(result).value_or_throw();
      BpeVocabulary vocabulary = parse_tokenizer_json(json, path);
      read_added_tokens(json);
      return vocabulary;
    }
    const std::string path = file("vocab.json");
    auto ids = parse_ids(read_json_file(path).value_or_throw(), path);
    return {std::move(ids), read_merges(file("merges.txt"))};
  }

  // "added_tokens": [{"content": "<s>", "normalized": false, ...}, ...]
  void read_added_tokens(const nlohmann::json& json) {
    const auto added = json.find("added_tokens");
    if (added == json.end() || !added->is_array()) return;
    for (const nlohmann::json& token : *added) {
      if (token.is_object() && token.contains("content") && token["content"].is_string()) {
        normalized_[token["content"].get<std::string>()] =
            token.contains("normalized") && token["normalized"] == true;
      }
    }
  }

  // {"bos_token": "<s>"} or {"bos_token": {"content": "<s>", "normalized": true, ...}}
  SpecialToken special_token(const char* role, const char* usual) const {
    for (const auto& source : {special_map_, config_}) {
      if (!source || !source->has(role)) continue;
      if (source->is_object(role)) {
        const auto token = source->require<JsonObject>(role);
        return {token.require<std::string>("content"), token.get<bool>("normalized", false)};
      }
      return with_flag(source->require<std::string>(role));
    }
    return with_flag(usual);
  }

  SpecialToken with_flag(const std::string& name) const {
    const auto known = normalized_.find(name);
    return {name, known != normalized_.end() && known->second};
  }

  int max_length() const {
    if (!config_ || !config_->has("model_max_length")) return kClipLength;
    const auto length = config_->require<double>("model_max_length");
    if (length > kLongestLength) return kClipLength;
    if (length < 2 || std::floor(length) != length) {
      fail(config_->source(), "field 'model_max_length' must be an integer of at least 2");
    }
    return static_cast<int>(length);
  }

  std::string folder_;
  std::optional<JsonObject> config_;
  std::optional<JsonObject> special_map_;
  std::map<std::string, bool> normalized_;  // what added_tokens_decoder says
};

base::Result<ClipTokenizer> ClipTokenizer::open(const std::string& folder) {
  try {
    return ClipTokenizerFolder(folder).load();
  } catch (const base::Error& error) {
    return error.status();
  }
}

}  // namespace zoetrope::weights

// ClipTokenizer::open: the files of a tokenizer folder.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "base/in_quotes.h"
#include "text/bpe_files.h"
#include "text/clip_text.h"
#include "text/clip_tokenizer.h"
#include "text/tokenizer_config.h"
#include "weights/json.h"

namespace zoetrope::text {

namespace {

constexpr int kClipLength = 77;
// The order of these is used below.
constexpr std::array kRoles = {
    std::pair{"bos_token", "<|startoftext|>"}, std::pair{"eos_token", "<|endoftext|>"},
    std::pair{"unk_token", "<|endoftext|>"}, std::pair{"pad_token", "<|endoftext|>"}};
constexpr int kLongestLength = 1 << 16;  // nothing CLIP-like is trained beyond a few hundred

// Where a special token is looked for: in the cleaned text (true) or in the raw one.
using Normalized = std::map<std::string, bool>;

// "added_tokens": [{"content": "<s>", "normalized": false, ...}, ...]
void read_added_tokens(const nlohmann::json& json, Normalized& normalized) {
  const auto added = json.find("added_tokens");
  if (added == json.end() || !added->is_array()) return;
  for (const nlohmann::json& token : *added) {
    if (token.is_object() && token.contains("content") && token["content"].is_string()) {
      normalized[token["content"].get<std::string>()] =
          token.contains("normalized") && token["normalized"] == true;
    }
  }
}

BpeVocabulary read_vocabulary(const std::string& folder, Normalized& normalized) {
  std::error_code ignored;
  if (std::filesystem::exists(folder + "/vocab.json", ignored)) {
    return read_bpe_files(folder + "/vocab.json", folder + "/merges.txt");
  }
  const std::string path = folder + "/tokenizer.json";
  auto result = weights::read_json_file(path);
  if (result.status().code() == base::StatusCode::kNotFound) {
    throw base::Error(base::not_found(folder + ": neither vocab.json nor tokenizer.json"));
  }
  const nlohmann::json json = std::move(result).value_or_throw();
  const nlohmann::json model = json.is_object() ? json.value("model", nlohmann::json()) : json;
  BpeVocabulary vocabulary = parse_bpe_model(model, path);
  read_added_tokens(json, normalized);
  return vocabulary;
}

ClipTokenizer load(const std::string& folder) {
  const TokenizerConfig config(folder);
  Normalized normalized;
  for (const auto& [content, token] : config.added()) {
    normalized[content] = token.normalized.value_or(false);
  }
  BpeVocabulary vocabulary = read_vocabulary(folder, normalized);
  vocabulary.marks_word_ends = true;

  std::vector<std::int32_t> ids;  // in the order of kRoles
  Normalized cleaned;             // a token in two roles is looked for as the later one says
  for (const auto& [role, usual] : kRoles) {
    const auto token = config.role(role).value_or(TokenizerConfig::Token{usual, {}});
    const auto id = vocabulary.ids.find(token.content);
    if (token.content.empty() || id == vocabulary.ids.end()) {
      throw base::Error(base::data_loss(fmt::format("{}: {} {} is not in the vocabulary", folder,
                                                    role, base::in_quotes(token.content))));
    }
    ids.push_back(id->second);
    cleaned[token.content] = token.normalized.value_or(normalized[token.content]);
  }

  auto encoder = BpeEncoder::build(vocabulary, ids[2]);
  if (!encoder.ok()) throw base::Error(encoder.status().with_context(folder));
  Frame frame{.before = {ids[0]},
              .after = {ids[1]},
              .padding = ids[3],
              .end = ids[1],
              .max_length = config.max_length(kLongestLength, kClipLength),
              .largest = largest_id(vocabulary)};
  std::vector<AddedToken> in_raw;
  std::vector<AddedToken> in_cleaned;
  for (const auto& [name, is_cleaned] : cleaned) {
    AddedToken token{is_cleaned ? clean_clip_text(name) : name, vocabulary.ids.at(name)};
    (is_cleaned ? in_cleaned : in_raw).push_back(std::move(token));
  }
  return {std::move(frame), std::move(encoder).value(), AddedTokens(std::move(in_raw)),
          AddedTokens(std::move(in_cleaned))};
}

}  // namespace

base::Result<ClipTokenizer> ClipTokenizer::open(const std::string& folder) {
  try {
    return load(folder);
  } catch (const base::Error& error) {
    return error.status();
  }
}

}  // namespace zoetrope::text

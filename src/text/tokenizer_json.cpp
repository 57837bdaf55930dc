// PipelineTokenizer::open_json: tokenizer.json, the file of the `tokenizers` package.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "base/in_quotes.h"
#include "text/bpe_files.h"
#include "text/pipeline_tokenizer.h"
#include "text/special_ids.h"
#include "weights/json.h"

namespace zoetrope::text {

namespace {

using weights::JsonObject;

// UMT5's file has 17 MB and a million values.
constexpr base::JsonLimits kLimits{.max_bytes = std::size_t{64} << 20};

[[noreturn]] void fail(const std::string& path, const std::string& why) {
  throw base::Error(base::data_loss(path + ": " + why));
}

// What both kinds of models come down to.
struct Model {
  std::variant<Unigram, BpeEncoder> encoder;
  std::unordered_map<std::string, std::int32_t> ids;
  std::int32_t largest = 0;
};

// {"type": "Unigram", "unk_id": 2, "vocab": [["<pad>", 0.0], ...]}
Model read_unigram(const nlohmann::json& vocab, const JsonObject& fields) {
  const std::string& path = fields.source();
  UnigramVocabulary vocabulary;
  vocabulary.unknown = fields.require<std::int64_t>("unk_id");
  vocabulary.byte_fallback = fields.get<bool>("byte_fallback", false);
  if (!vocab.is_array()) fail(path, "field 'model.vocab' must be a list of pieces and scores");
  std::unordered_map<std::string, std::int32_t> ids;
  for (const nlohmann::json& piece : vocab) {
    if (!piece.is_array() || piece.size() != 2 || !piece[0].is_string() || !piece[1].is_number()) {
      fail(path, fmt::format("field 'model.vocab[{}]' must be a piece and its score",
                             vocabulary.pieces.size()));
    }
    ids[piece[0].get<std::string>()] = static_cast<std::int32_t>(vocabulary.pieces.size());
    vocabulary.pieces.push_back({piece[0].get<std::string>(), piece[1].get<double>()});
  }
  auto model = Unigram::build(std::move(vocabulary));
  if (!model.ok()) fail(path, "model: " + model.status().message());
  const std::int32_t largest = model->largest_id();
  return {std::move(model).value(), std::move(ids), largest};
}

// {"type": "BPE", "vocab": {"!": 0, ...}, "merges": [...], "ignore_merges": true}
Model read_bpe(const nlohmann::json& model, const JsonObject& fields) {
  for (const char* field : {"dropout", "continuing_subword_prefix", "end_of_word_suffix"}) {
    if (fields.has(field)) {
      fail(fields.source(), fmt::format("field 'model.{}' is not supported", field));
    }
  }
  if (fields.get<bool>("byte_fallback", false)) {
    fail(fields.source(), "field 'model.byte_fallback' is not supported for BPE");
  }
  BpeVocabulary vocabulary = parse_bpe_model(model, fields.source());
  vocabulary.ignore_merges = fields.get<bool>("ignore_merges", false);
  auto encoder = BpeEncoder::build(vocabulary, std::nullopt);
  if (!encoder.ok()) fail(fields.source(), encoder.status().message());
  const std::int32_t largest = largest_id(vocabulary);
  return {std::move(encoder).value(), std::move(vocabulary.ids), largest};
}

// Reads `json`'s model. The long lists are looked at where they are; JsonObject has the rest.
Model read_model(const nlohmann::json& json, const JsonObject& tokenizer, bool byte_level) {
  const auto fields = tokenizer.require<JsonObject>("model");
  const auto type = fields.require<std::string>("type");
  const nlohmann::json& model = json.at("model");
  if (type == "Unigram") {
    if (byte_level) fail(fields.source(), "a Unigram model after ByteLevel");
    return read_unigram(model.value("vocab", nlohmann::json()), fields);
  }
  if (type != "BPE") {
    fail(fields.source(), "model type " + base::in_quotes(type) + " is not supported");
  }
  if (!byte_level) fail(fields.source(), "a BPE model without a ByteLevel pre-tokenizer");
  return read_bpe(model, fields);
}

// Adds the file's added tokens to `parts`, and their ids to `model`.
void read_added_tokens(const JsonObject& tokenizer, Model& model, PipelineTokenizer::Parts& parts) {
  if (!tokenizer.has("added_tokens")) return;
  const auto added = tokenizer.require<std::vector<JsonObject>>("added_tokens");
  // `tokenizers` numbers them on from the vocabulary, so a larger id is an error of the file.
  const auto limit = static_cast<std::int64_t>(
      std::max<std::size_t>(model.ids.size(), model.largest + 1) + added.size());
  std::vector<AddedToken> in_raw;
  std::vector<AddedToken> in_normalized;
  for (const JsonObject& token : added) {
    AddedToken read{.content = token.require<std::string>("content"),
                    .lstrip = token.get<bool>("lstrip", false),
                    .rstrip = token.get<bool>("rstrip", false)};
    const auto id = token.require<std::int64_t>("id");
    if (read.content.empty()) fail(tokenizer.source(), "an added token without content");
    const std::string name = base::in_quotes(read.content);
    if (id < 0 || id >= limit) {
      fail(tokenizer.source(), fmt::format("added token {} has id {}, out of range", name, id));
    }
    read.id = static_cast<std::int32_t>(id);
    const auto [known, is_new] = model.ids.emplace(read.content, read.id);
    if (!is_new && known->second != read.id) {
      fail(tokenizer.source(), fmt::format("added token {} has id {}, but {} in the vocabulary",
                                           name, id, known->second));
    }
    if (token.get<bool>("single_word", false)) {
      fail(tokenizer.source(), "added token " + name + ": single_word is not supported");
    }
    model.largest = std::max(model.largest, read.id);
    if (!token.get<bool>("normalized", true)) {
      in_raw.push_back(std::move(read));
      continue;
    }
    read.content = parts.steps.normalize(read.content);
    if (!read.content.empty()) in_normalized.push_back(std::move(read));
  }
  parts.in_raw = AddedTokens(std::move(in_raw));
  parts.in_normalized = AddedTokens(std::move(in_normalized));
}

// {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": ...}],
//  "special_tokens": {"<s>": {"ids": [0]}}}
void read_template(const JsonObject& processor, Frame& frame) {
  const auto special = processor.require<JsonObject>("special_tokens");
  bool behind_text = false;
  for (const JsonObject& part : processor.require<std::vector<JsonObject>>("single")) {
    if (part.has("Sequence")) {
      if (behind_text) fail(processor.source(), "a template with the text twice");
      behind_text = true;
      continue;
    }
    const auto name = part.require<JsonObject>("SpecialToken").require<std::string>("id");
    auto& side = behind_text ? frame.after : frame.before;
    for (const std::int64_t id :
         special.require<JsonObject>(name).require<std::vector<std::int64_t>>("ids")) {
      if (id < 0 || id > frame.largest) {
        fail(processor.source(),
             fmt::format("special token {} has id {}, out of range", base::in_quotes(name), id));
      }
      side.push_back(static_cast<std::int32_t>(id));
    }
  }
  if (!behind_text) fail(processor.source(), "a template without the text");
}

void read_post_processor(const JsonObject& processor, Frame& frame) {
  const auto type = processor.require<std::string>("type");
  if (type == "Sequence") {
    for (const auto& inner : processor.require<std::vector<JsonObject>>("processors")) {
      read_post_processor(inner, frame);
    }
  } else if (type == "TemplateProcessing") {
    read_template(processor, frame);
  } else if (type != "ByteLevel") {  // which only moves offsets
    fail(processor.source(), "post-processor " + base::in_quotes(type) + " is not supported");
  }
}

PipelineTokenizer load(const std::string& folder) {
  const std::string path = folder + "/tokenizer.json";
  const auto json = std::make_shared<const nlohmann::json>(
      weights::read_json_file(path, kLimits).value_or_throw());
  const JsonObject tokenizer = JsonObject::of(json, path).value_or_throw();
  TextSteps steps = read_text_steps(tokenizer);
  Model model = read_model(*json, tokenizer, steps.byte_level);
  PipelineTokenizer::Parts parts{.in_raw = {},
                                 .in_normalized = {},
                                 .steps = std::move(steps),
                                 .model = std::move(model.encoder)};
  read_added_tokens(tokenizer, model, parts);

  const TokenizerConfig config(folder);
  Frame frame;
  frame.largest = model.largest;
  if (tokenizer.has("post_processor")) {
    read_post_processor(tokenizer.require<JsonObject>("post_processor"), frame);
  }
  set_special_ids(config, folder, model.ids, frame);
  return {std::move(frame), std::move(parts)};
}

}  // namespace

base::Result<PipelineTokenizer> PipelineTokenizer::open_json(const std::string& folder) {
  try {
    return load(folder);
  } catch (const base::Error& error) {
    return error.status();
  }
}

}  // namespace zoetrope::text

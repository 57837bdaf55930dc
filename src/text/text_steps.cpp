#include "text/text_steps.h"

#include <unicode/uchar.h>

#include <algorithm>

#include "base/base64.h"
#include "base/in_quotes.h"
#include "text/regex.h"
#include "text/unicode.h"

namespace zoetrope::text {

namespace {

using weights::JsonObject;

constexpr std::string_view kMeta = "\u2581";  // stands for a space in vocabularies

enum class Prepend { kAlways, kFirst, kNever };

[[noreturn]] void fail(const JsonObject& at, const std::string& why) {
  throw base::Error(base::data_loss(at.source() + ": " + why));
}

template <typename T>
T or_fail(base::Result<T> result, const JsonObject& at, const char* what) {
  if (!result.ok()) fail(at, std::string(what) + ": " + result.status().message());
  return std::move(result).value();
}

// ---- Normalisers

std::size_t trailing_space(std::string_view text) {
  std::size_t end = 0;  // of the last character that is no white space
  for (std::size_t at = 0; at < text.size();) {
    if (!u_isUWhiteSpace(static_cast<UChar32>(next_code_point(text, at)))) end = at;
  }
  return end;
}

// {"Regex": "..."} or {"String": "..."}
Regex read_pattern(const JsonObject& step) {
  const auto pattern = step.require<JsonObject>("pattern");
  if (pattern.has("Regex")) {
    return or_fail(Regex::compile(pattern.require<std::string>("Regex")), step, "field 'pattern'");
  }
  return Regex::literal(pattern.require<std::string>("String"));
}

void read_normalizer(const JsonObject& step, std::vector<Normalizer>& steps) {
  const auto type = step.require<std::string>("type");
  if (type == "Sequence") {
    for (const auto& inner : step.require<std::vector<JsonObject>>("normalizers")) {
      read_normalizer(inner, steps);
    }
  } else if (type == "Precompiled") {
    const auto bytes = base::from_base64(step.require<std::string>("precompiled_charsmap"));
    if (!bytes) fail(step, "field 'precompiled_charsmap' is not Base64");
    const auto charsmap = or_fail(Charsmap::parse(*bytes), step, "field 'precompiled_charsmap'");
    steps.emplace_back([charsmap](const std::string& text) { return charsmap.normalize(text); });
  } else if (type == "Strip") {
    if (step.get<bool>("strip_left", true)) fail(step, "a normalizer that strips on the left");
    if (!step.get<bool>("strip_right", true)) return;
    steps.emplace_back(
        [](const std::string& text) { return text.substr(0, trailing_space(text)); });
  } else if (type == "Replace") {
    steps.emplace_back([pattern = read_pattern(step), with = step.require<std::string>("content")](
                           const std::string& text) { return pattern.replace(text, with); });
  } else {
    fail(step, "normalizer " + base::in_quotes(type) + " is not supported");
  }
}

// ---- Pre-tokenizers

void split_at_white_space(const Chunk& chunk, std::vector<Chunk>& parts) {
  std::size_t begin = 0;  // of the word
  for (std::size_t at = 0; at < chunk.text.size();) {
    const std::size_t here = at;
    if (!u_isUWhiteSpace(static_cast<UChar32>(next_code_point(chunk.text, at)))) continue;
    if (here > begin) {
      parts.push_back({chunk.text.substr(begin, here - begin), chunk.at_start && begin == 0});
    }
    begin = at;
  }
  if (begin < chunk.text.size()) {
    parts.push_back({chunk.text.substr(begin), chunk.at_start && begin == 0});
  }
}

// Spaces become kMeta, one is put in front, and each begins a word.
void split_at_meta(const Chunk& chunk, Prepend prepend, std::vector<Chunk>& parts) {
  std::string text;
  for (const char byte : chunk.text) {
    if (byte == ' ') {
      text += kMeta;
    } else {
      text += byte;
    }
  }
  const bool wanted = prepend == Prepend::kAlways || (prepend == Prepend::kFirst && chunk.at_start);
  if (wanted && !text.starts_with(kMeta)) text.insert(0, kMeta);
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(kMeta, begin + 1), text.size());
    parts.push_back({text.substr(begin, end - begin), chunk.at_start && begin == 0});
    begin = end;
  }
}

PreTokenizer read_metaspace(const JsonObject& step) {
  if (step.get<std::string>("replacement", std::string(kMeta)) != kMeta) {
    fail(step, "field 'replacement' of Metaspace must be U+2581");
  }
  if (!step.get<bool>("split", true)) fail(step, "a Metaspace that does not split");
  const bool legacy = step.get<bool>("add_prefix_space", true);
  const auto scheme = step.get<std::string>("prepend_scheme", legacy ? "always" : "never");
  for (const auto& [name, prepend] : {std::pair{"always", Prepend::kAlways},
                                      {"first", Prepend::kFirst},
                                      {"never", Prepend::kNever}}) {
    if (scheme != name) continue;
    return [prepend = prepend](const Chunk& chunk, std::vector<Chunk>& parts) {
      split_at_meta(chunk, prepend, parts);
    };
  }
  fail(step, "prepend_scheme " + base::in_quotes(scheme) + " is not supported");
}

PreTokenizer read_split(const JsonObject& step) {
  if (step.require<std::string>("behavior") != "Isolated" || step.get<bool>("invert", false)) {
    fail(step, "a Split must have behavior 'Isolated' and not be inverted");
  }
  return [pattern = read_pattern(step)](const Chunk& chunk, std::vector<Chunk>& parts) {
    for (std::string& part : pattern.split(chunk.text)) parts.push_back({std::move(part), false});
  };
}

void read_pre_tokenizer(const JsonObject& step, TextSteps& steps) {
  const auto type = step.require<std::string>("type");
  if (steps.byte_level) fail(step, "a pre-tokenizer after ByteLevel");
  if (type == "Sequence") {
    for (const auto& inner : step.require<std::vector<JsonObject>>("pretokenizers")) {
      read_pre_tokenizer(inner, steps);
    }
  } else if (type == "WhitespaceSplit") {
    steps.pre_tokenizers.emplace_back(split_at_white_space);
  } else if (type == "Metaspace") {
    steps.pre_tokenizers.push_back(read_metaspace(step));
  } else if (type == "Split") {
    steps.pre_tokenizers.push_back(read_split(step));
  } else if (type == "ByteLevel") {
    if (step.get<bool>("add_prefix_space", true) || step.get<bool>("use_regex", true)) {
      fail(step, "a ByteLevel with add_prefix_space or use_regex");
    }
    steps.byte_level = true;
  } else {
    fail(step, "pre-tokenizer " + base::in_quotes(type) + " is not supported");
  }
}

}  // namespace

std::string TextSteps::normalize(std::string text) const {
  for (const Normalizer& normalizer : normalizers) text = normalizer(text);
  return text;
}

std::vector<std::string> TextSteps::words(std::string text, bool at_start) const {
  std::vector<Chunk> chunks;
  if (!text.empty()) chunks.push_back({std::move(text), at_start});
  for (const PreTokenizer& pre_tokenizer : pre_tokenizers) {
    std::vector<Chunk> parts;
    for (const Chunk& chunk : chunks) pre_tokenizer(chunk, parts);
    chunks = std::move(parts);
  }
  std::vector<std::string> words;
  words.reserve(chunks.size());
  for (Chunk& chunk : chunks) words.push_back(std::move(chunk.text));
  return words;
}

TextSteps read_text_steps(const JsonObject& tokenizer) {
  TextSteps steps;
  if (tokenizer.has("normalizer")) {
    read_normalizer(tokenizer.require<JsonObject>("normalizer"), steps.normalizers);
  }
  if (tokenizer.has("pre_tokenizer")) {
    read_pre_tokenizer(tokenizer.require<JsonObject>("pre_tokenizer"), steps);
  }
  return steps;
}

TextSteps steps_of_t5(Charsmap charsmap) {
  TextSteps steps;
  steps.normalizers.emplace_back([charsmap = std::move(charsmap)](const std::string& text) {
    return charsmap.normalize(text);
  });
  steps.pre_tokenizers.emplace_back(split_at_white_space);
  steps.pre_tokenizers.emplace_back([](const Chunk& chunk, std::vector<Chunk>& parts) {
    split_at_meta(chunk, Prepend::kAlways, parts);
  });
  return steps;
}

}  // namespace zoetrope::text

#include "text/bpe_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <limits>

#include "base/in_quotes.h"
#include "weights/json.h"
#include "weights/mapped_file.h"

namespace zoetrope::text {

namespace {

[[noreturn]] void fail(const std::string& path, const std::string& why) {
  throw base::Error(base::data_loss(path + ": " + why));
}

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

std::pair<std::string, std::string> parse_merge(std::string_view line, const std::string& where) {
  const std::size_t space = line.find(' ');
  if (space == 0 || space == std::string_view::npos || space + 1 == line.size() ||
      line.find(' ', space + 1) != std::string_view::npos) {
    fail(where, "a merge is two symbols with a space between them");
  }
  return {std::string(line.substr(0, space)), std::string(line.substr(space + 1))};
}

}  // namespace

BpeVocabulary read_bpe_files(const std::string& vocab_path, const std::string& merges_path) {
  BpeVocabulary vocabulary;
  vocabulary.ids = parse_ids(weights::read_json_file(vocab_path).value_or_throw(), vocab_path);
  const auto file = weights::MappedFile::open(merges_path).value_or_throw();
  std::string_view rest = file.text();
  for (int number = 1; !rest.empty(); ++number) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (line.empty() || line.starts_with("#version")) continue;
    vocabulary.merges.push_back(parse_merge(line, fmt::format("{}: line {}", merges_path, number)));
  }
  return vocabulary;
}

BpeVocabulary parse_bpe_model(const nlohmann::json& model, const std::string& path) {
  if (!model.is_object() || !model.contains("vocab") || !model.contains("merges") ||
      !model["merges"].is_array()) {
    fail(path, "no model with vocab and merges");
  }
  BpeVocabulary vocabulary;
  vocabulary.ids = parse_ids(model["vocab"], path);
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

}  // namespace zoetrope::text

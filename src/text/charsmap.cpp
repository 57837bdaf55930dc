#include "text/charsmap.h"

#include <unicode/brkiter.h>
#include <unicode/utext.h>

#include <memory>

#include "text/unicode.h"

namespace zoetrope::text {

namespace {

constexpr std::size_t kUnitBytes = 4;
constexpr std::size_t kShortGrapheme = 6;  // bytes; shorter ones are looked up whole

std::uint32_t little_endian(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < kUnitBytes; ++i) {
    value |= static_cast<std::uint32_t>(static_cast<std::uint8_t>(bytes[at + i])) << (8 * i);
  }
  return value;
}

// The units of Darts-clone (Yata), the double-array that SentencePiece uses.
bool has_leaf(std::uint32_t unit) { return (unit >> 8 & 1) == 1; }
std::uint32_t value_of(std::uint32_t unit) { return unit & 0x7FFFFFFFU; }
std::uint32_t label_of(std::uint32_t unit) { return unit & 0x800000FFU; }
std::uint32_t offset_of(std::uint32_t unit) { return (unit >> 10) << ((unit & 0x200U) >> 6); }

// Calls `on_grapheme` with each in turn.
template <typename OnGrapheme>
void for_each_grapheme(std::string_view text, OnGrapheme on_grapheme) {
  UErrorCode error = U_ZERO_ERROR;
  const std::unique_ptr<icu::BreakIterator> breaks(
      icu::BreakIterator::createCharacterInstance(icu::Locale::getRoot(), error));
  const std::unique_ptr<UText, decltype(&utext_close)> view(
      utext_openUTF8(nullptr, text.data(), static_cast<int64_t>(text.size()), &error), utext_close);
  if (U_SUCCESS(error)) breaks->setText(view.get(), error);
  if (U_FAILURE(error)) throw base::Error(base::internal_error("ICU: cannot find graphemes"));
  int32_t begin = breaks->first();
  for (int32_t end = breaks->next(); end != icu::BreakIterator::DONE; end = breaks->next()) {
    on_grapheme(text.substr(begin, end - begin));
    begin = end;
  }
}

}  // namespace

base::Result<Charsmap> Charsmap::parse(std::string_view bytes) {
  if (bytes.size() < kUnitBytes) return base::data_loss("it has no size");
  const std::size_t trie_bytes = little_endian(bytes, 0);
  bytes.remove_prefix(kUnitBytes);
  if (trie_bytes == 0 || trie_bytes % kUnitBytes != 0 || trie_bytes > bytes.size()) {
    return base::data_loss("the size of its trie does not fit");
  }
  std::vector<std::uint32_t> trie;
  trie.reserve(trie_bytes / kUnitBytes);
  for (std::size_t at = 0; at < trie_bytes; at += kUnitBytes) {
    trie.push_back(little_endian(bytes, at));
  }
  std::string replacements(bytes.substr(trie_bytes));
  if (repair_utf8(replacements) != replacements) {
    return base::data_loss("its replacements are not UTF-8");
  }
  return Charsmap(std::move(trie), std::move(replacements));
}

// Of the shortest beginning of `characters` that the trie knows.
std::optional<std::string_view> Charsmap::replacement(std::string_view characters) const {
  std::size_t node = offset_of(trie_[0]);
  for (const char character : characters) {
    const auto byte = static_cast<std::uint8_t>(character);
    node ^= byte;
    if (byte == 0 || node >= trie_.size() || label_of(trie_[node]) != byte) return std::nullopt;
    const std::uint32_t unit = trie_[node];
    node ^= offset_of(unit);
    if (!has_leaf(unit)) continue;
    if (node >= trie_.size() || value_of(trie_[node]) > replacements_.size()) return std::nullopt;
    const std::string_view rest = std::string_view(replacements_).substr(value_of(trie_[node]));
    return rest.substr(0, rest.find('\0'));
  }
  return std::nullopt;
}

std::string Charsmap::normalize(std::string_view text) const {
  std::string normalized;
  for_each_grapheme(text, [&](std::string_view grapheme) {
    if (grapheme.size() < kShortGrapheme) {
      if (const auto whole = replacement(grapheme)) {
        normalized += *whole;
        return;
      }
    }
    for (std::size_t at = 0; at < grapheme.size();) {
      const std::size_t begin = at;
      next_code_point(grapheme, at);
      const std::string_view character = grapheme.substr(begin, at - begin);
      normalized += replacement(character).value_or(character);
    }
  });
  // An index into the middle of a character can only come from a broken file.
  return repair_utf8(normalized);
}

}  // namespace zoetrope::text

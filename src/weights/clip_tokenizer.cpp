#include "weights/clip_tokenizer.h"

#include <algorithm>

#include "weights/clip_text.h"

namespace zoetrope::weights {

namespace {

// Calls `on_special(special)` and `on_text(text)` for the parts of `text`, in order, looking for
// the specials for which `wanted(special)`. Of the names that occur, the leftmost counts, and of
// those that start together the longest.
template <typename Special, typename Wanted, typename OnSpecial, typename OnText>
void split_at_specials(std::string_view text, const std::vector<Special>& specials, Wanted wanted,
                       OnSpecial on_special, OnText on_text) {
  while (!text.empty()) {
    std::size_t at = std::string_view::npos;
    const Special* found = nullptr;
    for (const Special& special : specials) {
      const std::size_t where = wanted(special) ? text.find(special.name) : std::string_view::npos;
      const bool longer = found != nullptr && special.name.size() > found->name.size();
      if (where < at || (where == at && longer)) {
        at = where;
        found = &special;
      }
    }
    if (at > 0) on_text(text.substr(0, at));
    if (found == nullptr) return;
    on_special(*found);
    text.remove_prefix(at + found->name.size());
  }
}

}  // namespace

Tokens ClipTokenizer::encode(std::string_view text) const {
  const std::string repaired = repair_utf8(text);
  Tokens tokens;
  tokens.ids.push_back(begin_);
  encode_raw(repaired, tokens.ids);

  const auto room = static_cast<std::size_t>(max_length_) - 1;  // the end token always fits
  tokens.truncated = tokens.ids.size() > room;
  tokens.ids.resize(std::min(tokens.ids.size(), room));
  tokens.ids.push_back(end_);
  tokens.length = static_cast<int>(tokens.ids.size());
  tokens.ids.resize(max_length_, padding_);
  return tokens;
}

void ClipTokenizer::encode_raw(std::string_view text, std::vector<std::int32_t>& ids) const {
  split_at_specials(
      text, specials_, [](const Special& special) { return !special.cleaned; },
      [&](const Special& special) { ids.push_back(special.id); },
      [&](std::string_view part) { encode_cleaned(clean_clip_text(part), ids); });
}

void ClipTokenizer::encode_cleaned(std::string_view text, std::vector<std::int32_t>& ids) const {
  split_at_specials(
      text, specials_, [](const Special& special) { return special.cleaned; },
      [&](const Special& special) { ids.push_back(special.id); },
      [&](std::string_view part) {
        for (const std::string& word : clip_words(part)) encoder_.encode(word, ids);
      });
}

}  // namespace zoetrope::weights

#include "text/tokenizer.h"

#include <fmt/format.h>

#include <algorithm>

#include "text/unicode.h"

namespace zoetrope::text {

Tokens Tokenizer::encode(std::string_view text, int max_length, std::int32_t padding_id) const {
  const auto length = static_cast<std::size_t>(std::max(max_length, 0));
  if (frame_.before.size() + frame_.after.size() > length) {
    throw base::Error(base::invalid_argument(
        fmt::format("a prompt of {} tokens has no room for its special tokens", max_length)));
  }
  Tokens tokens;
  tokens.ids = frame_.before;
  append_ids(repair_utf8(text), tokens.ids);

  const std::size_t room = length - frame_.after.size();
  tokens.truncated = tokens.ids.size() > room;
  tokens.ids.resize(std::min(tokens.ids.size(), room));
  tokens.ids.insert(tokens.ids.end(), frame_.after.begin(), frame_.after.end());
  tokens.length = static_cast<int>(tokens.ids.size());
  tokens.ids.resize(length, padding_id);
  return tokens;
}

}  // namespace zoetrope::text

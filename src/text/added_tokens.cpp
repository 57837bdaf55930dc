#include "text/added_tokens.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <algorithm>

#include "text/unicode.h"

namespace zoetrope::text {

namespace {

// Where the white space begins that ends at `end`; not before `begin`.
std::size_t skip_space_backward(std::string_view text, std::size_t begin, std::size_t end) {
  while (end > begin) {
    auto before = static_cast<int32_t>(end);
    UChar32 c = 0;
    U8_PREV_OR_FFFD(text.data(), static_cast<int32_t>(begin), before, c);
    if (!u_isUWhiteSpace(c)) break;
    end = static_cast<std::size_t>(before);
  }
  return end;
}

std::size_t skip_space_forward(std::string_view text, std::size_t begin) {
  while (begin < text.size()) {
    std::size_t behind = begin;
    if (!u_isUWhiteSpace(static_cast<UChar32>(next_code_point(text, behind)))) break;
    begin = behind;
  }
  return begin;
}

}  // namespace

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) {
  std::stable_sort(tokens.begin(), tokens.end(), [](const AddedToken& a, const AddedToken& b) {
    return a.content.size() > b.content.size();
  });
  for (AddedToken& token : tokens) {
    tokens_[static_cast<std::uint8_t>(token.content.front())].push_back(std::move(token));
  }
}

const AddedToken* AddedTokens::at_start_of(std::string_view text) const {
  for (const AddedToken& token : tokens_[static_cast<std::uint8_t>(text.front())]) {
    if (text.starts_with(token.content)) return &token;
  }
  return nullptr;
}

std::vector<AddedTokens::Part> AddedTokens::split(std::string_view text) const {
  std::vector<Part> parts;
  std::size_t done = 0;  // what stands before is in `parts`
  for (std::size_t at = 0; at < text.size();) {
    const AddedToken* token = at_start_of(text.substr(at));
    if (token == nullptr) {
      ++at;
      continue;
    }
    std::size_t end = at + token->content.size();
    const std::size_t begin = token->lstrip ? skip_space_backward(text, done, at) : at;
    if (token->rstrip) end = skip_space_forward(text, end);
    if (begin > done) parts.push_back({text.substr(done, begin - done), std::nullopt});
    parts.push_back({text.substr(begin, end - begin), token->id});
    done = at = end;
  }
  if (done < text.size()) parts.push_back({text.substr(done), std::nullopt});
  return parts;
}

}  // namespace zoetrope::text

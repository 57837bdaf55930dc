#include "text/regex.h"

#include "base/in_quotes.h"
#include "text/unicode.h"

namespace zoetrope::text {

namespace {

constexpr int32_t kMostSteps = 1000;           // ICU's units of several thousand steps each
constexpr int32_t kMostStackBytes = 16 << 20;  // enough for a prompt that is one long match

}  // namespace

base::Result<Regex> Regex::compile(std::string_view pattern, uint32_t flags) {
  UErrorCode error = U_ZERO_ERROR;
  UParseError where;
  std::shared_ptr<const icu::RegexPattern> compiled(
      icu::RegexPattern::compile(from_utf8(pattern), flags, where, error));
  if (U_FAILURE(error)) {
    return base::data_loss(base::in_quotes(pattern) + " is no regular expression");
  }
  return Regex(std::move(compiled));
}

Regex Regex::literal(std::string_view text) {
  return compile(text, UREGEX_LITERAL).value_or_throw();
}

template <typename OnText, typename OnMatch>
void Regex::walk(std::string_view utf8, OnText on_text, OnMatch on_match) const {
  const icu::UnicodeString text = from_utf8(utf8);
  UErrorCode error = U_ZERO_ERROR;
  const std::unique_ptr<icu::RegexMatcher> matcher(pattern_->matcher(text, error));
  if (U_SUCCESS(error)) matcher->setTimeLimit(kMostSteps, error);
  if (U_SUCCESS(error)) matcher->setStackLimit(kMostStackBytes, error);
  int32_t done = 0;
  const auto text_until = [&](int32_t end) {
    if (end > done) on_text(to_utf8(text.tempSubStringBetween(done, end)));
  };
  while (U_SUCCESS(error) && matcher->find(error)) {
    const int32_t begin = matcher->start(error);
    const int32_t end = matcher->end(error);
    text_until(begin);
    if (end > begin) on_match(to_utf8(text.tempSubStringBetween(begin, end)));
    done = end;
  }
  if (U_FAILURE(error)) {
    throw base::Error(base::resource_exhausted(
        "a regular expression of the tokenizer takes too long on this text"));
  }
  text_until(text.length());
}

std::vector<std::string> Regex::split(std::string_view utf8) const {
  std::vector<std::string> parts;
  const auto add = [&](std::string part) { parts.push_back(std::move(part)); };
  walk(utf8, add, add);
  return parts;
}

std::string Regex::replace(std::string_view utf8, std::string_view replacement) const {
  std::string replaced;
  walk(
      utf8, [&](const std::string& part) { replaced += part; },
      [&](const std::string&) { replaced += replacement; });
  return replaced;
}

}  // namespace zoetrope::text

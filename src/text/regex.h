// The regular expressions of tokenizer.json, run by ICU. They are written for Oniguruma, which the
// `tokenizers` package uses; in the patterns of published tokenizers the two agree.
//
// A pattern is as little to be trusted as the file: an expression that takes too many steps, or too
// deep a stack, ends with an error.
#pragma once

#include <unicode/regex.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace zoetrope::text {

// Immutable: any thread may call; copies share the compiled pattern.
class Regex {
 public:
  // kDataLoss when it is no regular expression.
  static base::Result<Regex> compile(std::string_view pattern) { return compile(pattern, 0); }
  // One that stands for exactly this text.
  static Regex literal(std::string_view text);

  // The matches and what stands between them, in order, none empty. Throws base::Error
  // (kResourceExhausted) where the pattern gets out of hand; so does `replace`.
  std::vector<std::string> split(std::string_view utf8) const;

  // With `replacement`, as it is, in place of every match.
  std::string replace(std::string_view utf8, std::string_view replacement) const;

 private:
  static base::Result<Regex> compile(std::string_view pattern, uint32_t flags);
  explicit Regex(std::shared_ptr<const icu::RegexPattern> pattern) : pattern_(std::move(pattern)) {}
  template <typename OnText, typename OnMatch>
  void walk(std::string_view utf8, OnText on_text, OnMatch on_match) const;

  std::shared_ptr<const icu::RegexPattern> pattern_;
};

}  // namespace zoetrope::text

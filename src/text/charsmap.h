// SentencePiece's normalisation as data (Kudo and Richardson 2018, section 3.2): which strings of
// characters are replaced by which, compiled into a double-array trie. spiece.model carries it as
// `precompiled_charsmap`, tokenizer.json the same bytes in Base64.
//
// Applied as the `tokenizers` package does, which all fast tokenizers of transformers share, and
// not as SentencePiece itself does: grapheme by grapheme. One of less than 6 bytes is replaced
// whole by what its *shortest* known beginning maps to; of a longer one, each character on its own.
// So "①" with an accent loses the accent. Graphemes are ICU's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace zoetrope::text {

// Immutable: any thread may call.
class Charsmap {
 public:
  // kDataLoss when the sizes within do not fit or the replacements are not UTF-8.
  static base::Result<Charsmap> parse(std::string_view bytes);

  // Of valid UTF-8; the result is as well.
  std::string normalize(std::string_view text) const;

 private:
  Charsmap(std::vector<std::uint32_t> trie, std::string replacements)
      : trie_(std::move(trie)), replacements_(std::move(replacements)) {}
  std::optional<std::string_view> replacement(std::string_view characters) const;

  std::vector<std::uint32_t> trie_;
  std::string replacements_;  // NUL-terminated strings, one after the other
};

}  // namespace zoetrope::text

// Byte-level byte-pair encoding (Sennrich et al. 2016; over bytes, Radford et al. 2019). A word's
// bytes are the first symbols; then the pair that was learnt first is joined, until no known pair
// is left. In CLIP (Radford et al. 2021) the last byte of a word carries the mark `</w>`.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"

namespace zoetrope::text {

inline constexpr std::string_view kEndOfWord = "</w>";

// The printable character (UTF-8) that stands for each byte in vocabularies: GPT-2's table.
const std::array<std::string, 256>& byte_symbols();
// The order in which vocabularies list bytes: those that print as themselves, then the rest.
std::vector<std::uint8_t> byte_order();

// What vocab.json and merges.txt hold, or the model of tokenizer.json.
struct BpeVocabulary {
  std::unordered_map<std::string, std::int32_t> ids;
  std::vector<std::pair<std::string, std::string>> merges;  // in the order learnt
  bool marks_word_ends = false;                             // CLIP
  bool ignore_merges = false;  // Llama 3: a word that is a token is that token, merges or not
};

// The largest id, or 0.
std::int32_t largest_id(const BpeVocabulary& vocabulary);

// Immutable: any thread may encode.
class BpeEncoder {
 public:
  // `unknown` is the id of bytes that the vocabulary lacks; without it, it may lack none. kDataLoss
  // naming that byte, or the merge whose parts or result have no id.
  static base::Result<BpeEncoder> build(const BpeVocabulary& vocabulary,
                                        std::optional<std::int32_t> unknown);

  // Appends the ids of one word (any bytes, not empty). O(n log n) in its length.
  void encode(std::string_view word, std::vector<std::int32_t>& ids) const;

 private:
  struct Merge {
    std::int32_t rank;
    std::int32_t result;
  };
  BpeEncoder() = default;
  const Merge* find(std::int32_t left, std::int32_t right) const;

  std::array<std::int32_t, 256> inner_;  // id of each byte within a word
  std::array<std::int32_t, 256> last_;   // and at its end
  std::unordered_map<std::uint64_t, Merge> merges_;
  std::unordered_map<std::string, std::int32_t> words_;  // by their bytes; empty but for Llama 3
};

}  // namespace zoetrope::text

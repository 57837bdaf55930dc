// Byte-level byte-pair encoding with a mark at the end of words, as in CLIP (Radford et al. 2021,
// after Sennrich et al. 2016). A word's bytes are the first symbols, the last one carrying the mark
// `</w>`; then the pair that was learnt first is joined, until no known pair is left.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"

namespace zoetrope::weights {

inline constexpr std::string_view kEndOfWord = "</w>";

// The printable character (UTF-8) that stands for each byte in vocabularies: GPT-2's table.
const std::array<std::string, 256>& byte_symbols();
// The order in which vocabularies list bytes: those that print as themselves, then the rest.
std::vector<std::uint8_t> byte_order();

// What vocab.json and merges.txt hold.
struct BpeVocabulary {
  std::unordered_map<std::string, std::int32_t> ids;
  std::vector<std::pair<std::string, std::string>> merges;  // in the order learnt
};

// Immutable: any thread may encode.
class BpeEncoder {
 public:
  // `unknown` is the id of bytes that the vocabulary lacks. kDataLoss naming the merge whose parts
  // or result have no id.
  static base::Result<BpeEncoder> build(const BpeVocabulary& vocabulary, std::int32_t unknown);

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
};

}  // namespace zoetrope::weights

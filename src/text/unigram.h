// The unigram language model of SentencePiece (Kudo 2018): of all ways to cut a word into pieces of
// the vocabulary, the one whose log-probabilities have the greatest sum (Viterbi). Equal to the
// `tokenizers` package in ties too: the cut that is found first stays.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace zoetrope::text {

struct Piece {
  std::string text;
  double score = 0;  // log-probability
};

struct UnigramVocabulary {
  std::vector<Piece> pieces;   // the id is the index; of two with one text the later counts
  std::int64_t unknown = 0;    // its id
  bool byte_fallback = false;  // what is unknown becomes `<0x41>`..., where all of these are pieces
};

// Immutable: any thread may encode.
class Unigram {
 public:
  // kDataLoss when there are no pieces, one is empty or the unknown one is not among them.
  static base::Result<Unigram> build(UnigramVocabulary vocabulary);

  // Appends the ids of one word: valid UTF-8, white space already made "\u2581". Neighbouring
  // unknown characters become one unknown piece. O(n^2 log vocabulary) at worst in its length.
  void encode(std::string_view word, std::vector<std::int32_t>& ids) const;

  std::int32_t largest_id() const { return static_cast<std::int32_t>(pieces_.size()) - 1; }

 private:
  struct Step {  // the best way to reach a byte
    double score = 0;
    std::size_t begin = 0;  // of its last piece
    std::int32_t id = -1;   // kNowhere until it is reached
  };

  Unigram() = default;
  std::vector<Step> best_steps(std::string_view word) const;
  void append_unknown(std::string_view text, std::vector<std::int32_t>& ids) const;
  std::int32_t find(std::string_view piece) const;  // -1 where it is none

  std::vector<Piece> pieces_;
  std::vector<std::int32_t> sorted_;  // ids in the order of the pieces' bytes, each text once
  std::int32_t unknown_ = 0;
  double unknown_score_ = 0;
  std::array<std::int32_t, 256> bytes_{};  // ids of `<0x00>`...; used with byte_fallback_
  bool byte_fallback_ = false;
};

}  // namespace zoetrope::text

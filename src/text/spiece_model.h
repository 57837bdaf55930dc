// spiece.model: a unigram model as SentencePiece stores it, a protocol buffer (ModelProto of
// sentencepiece_model.proto). Only the fields that T5's tokenizer needs are read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace zoetrope::text {

struct SentencePiece {
  // SentencePiece.Type of the .proto, whose numbers these are.
  static constexpr std::uint64_t kNormal = 1;
  static constexpr std::uint64_t kUnknown = 2;
  static constexpr std::uint64_t kControl = 3;      // `</s>`: never from text by the model
  static constexpr std::uint64_t kUserDefined = 4;  // always one piece

  std::string text;  // UTF-8
  float score = 0;
  std::uint64_t type = kNormal;
};

struct SentencePieceModel {
  std::vector<SentencePiece> pieces;
  std::uint64_t model_type = 1;  // TrainerSpec.model_type: 1 is unigram
  std::uint64_t unknown_id = 0;
  std::string charsmap;  // charsmap.h; empty for none
};

// kDataLoss with one line that starts with `source`.
base::Result<SentencePieceModel> parse_sentence_piece(std::string_view bytes,
                                                      const std::string& source);

}  // namespace zoetrope::text

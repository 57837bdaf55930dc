// The tokenizer of CLIP-like text encoders, read from the `tokenizer/` folder of a checkpoint in
// the diffusers layout. Same ids as transformers 5.x' CLIPTokenizer.
//
// Read: vocab.json and merges.txt, or tokenizer.json if there is no vocab.json; special tokens and
// model_max_length from tokenizer_config.json and special_tokens_map.json, with CLIP's own values
// where these files or fields are missing. Not supported, and in no CLIP checkpoint: special tokens
// with lstrip, rstrip or single_word, and further added tokens.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/tokenizer.h"

namespace zoetrope::text {

class ClipTokenizer final : public Tokenizer {
 public:
  // One line naming file and field at fault; kNotFound when there is no vocabulary.
  static base::Result<ClipTokenizer> open(const std::string& folder);

  // `in_cleaned` are looked for in the cleaned text, their names being cleaned too.
  ClipTokenizer(Frame frame, BpeEncoder encoder, AddedTokens in_raw, AddedTokens in_cleaned)
      : Tokenizer(std::move(frame)),
        encoder_(std::move(encoder)),
        in_raw_(std::move(in_raw)),
        in_cleaned_(std::move(in_cleaned)) {}

  std::int32_t begin_id() const { return frame().before[0]; }

 private:
  void append_ids(std::string_view text, std::vector<std::int32_t>& ids) const override;

  BpeEncoder encoder_;
  AddedTokens in_raw_;
  AddedTokens in_cleaned_;
};

}  // namespace zoetrope::text

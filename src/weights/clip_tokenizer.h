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
#include <vector>

#include "base/result.h"
#include "weights/bpe.h"

namespace zoetrope::weights {

struct Tokens {
  std::vector<std::int32_t> ids;  // begin, words, end, padding: always max_length() of them
  int length = 0;                 // without the padding
  bool truncated = false;         // words were left out; the caller should say so
};

// Immutable: any thread may encode.
class ClipTokenizer {
 public:
  // One line naming file and field at fault; kNotFound when there is no vocabulary.
  static base::Result<ClipTokenizer> open(const std::string& folder);

  // Any bytes; what is not UTF-8 becomes U+FFFD (clip_text.h). The names of special tokens within
  // the text become those tokens, as in transformers.
  Tokens encode(std::string_view text) const;

  int max_length() const { return max_length_; }
  std::int32_t begin_id() const { return begin_; }
  std::int32_t end_id() const { return end_; }
  std::int32_t padding_id() const { return padding_; }
  std::int32_t largest_id() const { return largest_; }  // for the check against the embedding

 private:
  struct Special {
    std::string name;  // never empty
    std::int32_t id;
    bool cleaned;  // looked for in the cleaned text, `name` being cleaned too; else in the raw text
  };
  friend class ClipTokenizerFolder;

  explicit ClipTokenizer(BpeEncoder encoder) : encoder_(std::move(encoder)) {}
  void encode_raw(std::string_view text, std::vector<std::int32_t>& ids) const;
  void encode_cleaned(std::string_view text, std::vector<std::int32_t>& ids) const;

  BpeEncoder encoder_;
  std::vector<Special> specials_;
  int max_length_ = 0;
  std::int32_t begin_ = 0;
  std::int32_t end_ = 0;
  std::int32_t padding_ = 0;
  std::int32_t largest_ = 0;
};

}  // namespace zoetrope::weights

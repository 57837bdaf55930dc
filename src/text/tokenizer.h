// The face of every tokenizer: a text in, the ids of a network's embedding out. What ships:
// ClipTokenizer (clip_tokenizer.h), and PipelineTokenizer (pipeline_tokenizer.h) for T5, UMT5 and
// Llama 3.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace zoetrope::text {

struct Tokens {
  std::vector<std::int32_t> ids;  // frame, content, frame, padding: as many as were asked for
  int length = 0;                 // without the padding: the attention mask is 1 up to here
  bool truncated = false;         // content was left out; the caller should say so
};

// What stands around the ids of a text, and what the folder says of the vocabulary.
struct Frame {
  std::vector<std::int32_t> before;
  std::vector<std::int32_t> after;
  std::int32_t padding = 0;  // the id of pad_token; of eos_token where the folder names none
  std::int32_t end = 0;      // of eos_token
  int max_length = 0;        // model_max_length; kNoLimit where the folder names none
  std::int32_t largest = 0;
};

inline constexpr int kNoLimit = 1 << 24;

// Immutable: any thread may encode.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // Exactly `max_length` ids. Any bytes may be in `text`: what is not UTF-8 becomes U+FFFD
  // (unicode.h), and the names of special tokens become those tokens, as in transformers. What does
  // not fit is cut from the end of the content; the frame stays whole. The folder's own
  // max_length() is not looked at: pipelines differ in whether they do. Throws base::Error
  // (kInvalidArgument) when not even the frame fits.
  Tokens encode(std::string_view text, int max_length, std::int32_t padding_id) const;
  // To the folder's own length, with its own padding.
  Tokens encode(std::string_view text) const {
    return encode(text, frame_.max_length, frame_.padding);
  }

  int max_length() const { return frame_.max_length; }
  std::int32_t padding_id() const { return frame_.padding; }
  std::int32_t end_id() const { return frame_.end; }
  std::int32_t largest_id() const { return frame_.largest; }  // to check against the embedding

 protected:
  explicit Tokenizer(Frame frame) : frame_(std::move(frame)) {}
  Tokenizer(const Tokenizer&) = default;
  Tokenizer(Tokenizer&&) = default;
  Tokenizer& operator=(const Tokenizer&) = default;
  Tokenizer& operator=(Tokenizer&&) = default;

  const Frame& frame() const { return frame_; }

 private:
  // Appends the ids of a text that is valid UTF-8.
  virtual void append_ids(std::string_view text, std::vector<std::int32_t>& ids) const = 0;

  Frame frame_;
};

// The tokenizer of a checkpoint's `tokenizer*/` folder, whatever it is: CLIP's where
// tokenizer_config.json names CLIPTokenizer, or names none and there is a vocab.json; else what
// tokenizer.json describes; else a unigram model out of spiece.model, as T5Tokenizer reads it. One
// line naming file and field at fault; kNotFound when none of the files is there.
base::Result<std::unique_ptr<Tokenizer>> open_tokenizer(const std::string& folder);

}  // namespace zoetrope::text

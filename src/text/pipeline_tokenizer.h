// A tokenizer put together from parts, as the `tokenizers` package builds them: added tokens, steps
// that turn text into words, a model that turns words into ids. T5's, UMT5's and Llama 3's are
// such; same ids as that package.
//
// Two files describe one. tokenizer.json says everything, and is followed to the letter: also where
// transformers 5 rebuilds a T5Tokenizer by rules of its own, which differs for a text with U+2581
// in it. spiece.model holds the unigram model and its charsmap alone; the rest is what
// transformers' T5Tokenizer adds: words at white space, `<extra_id_N>` behind the pieces, `</s>` at
// the end.
//
// Read beside them, from tokenizer_config.json and special_tokens_map.json: eos_token, pad_token,
// model_max_length, and extra_ids for spiece.model. There is no chat template here: the pipelines
// of T5, UMT5 and HiDream's Llama use none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/text_steps.h"
#include "text/tokenizer.h"
#include "text/unigram.h"

namespace zoetrope::text {

class PipelineTokenizer final : public Tokenizer {
 public:
  struct Parts {
    AddedTokens in_raw;
    AddedTokens in_normalized;  // looked for in the normalised text, their names normalised too
    TextSteps steps;
    std::variant<Unigram, BpeEncoder> model;
  };

  // folder/tokenizer.json, folder/spiece.model. One line naming file and field at fault; kNotFound
  // when the file is not there.
  static base::Result<PipelineTokenizer> open_json(const std::string& folder);
  static base::Result<PipelineTokenizer> open_sentencepiece(const std::string& folder);

  PipelineTokenizer(Frame frame, Parts parts)
      : Tokenizer(std::move(frame)), parts_(std::move(parts)) {}

 private:
  void append_ids(std::string_view text, std::vector<std::int32_t>& ids) const override;

  Parts parts_;
};

}  // namespace zoetrope::text

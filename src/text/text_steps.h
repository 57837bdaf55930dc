// What happens to a text before a model of words sees it, as data of tokenizer.json: the
// normalisers and pre-tokenizers of the `tokenizers` package that the files of T5, UMT5 and Llama 3
// name. Any other is refused by name.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "text/charsmap.h"
#include "weights/json_config.h"

namespace zoetrope::text {

// UTF-8 to UTF-8.
using Normalizer = std::function<std::string(const std::string&)>;

// A part of a text on its way to being words.
struct Chunk {
  std::string text;       // never empty
  bool at_start = false;  // of the whole text
};
// Appends what `chunk` is cut into.
using PreTokenizer = std::function<void(const Chunk& chunk, std::vector<Chunk>& parts)>;

struct TextSteps {
  std::vector<Normalizer> normalizers;
  std::vector<PreTokenizer> pre_tokenizers;
  bool byte_level = false;  // the words are for a model of bytes

  std::string normalize(std::string text) const;
  // `text`, normalised, as words.
  std::vector<std::string> words(std::string text, bool at_start) const;
};

// The fields "normalizer" and "pre_tokenizer" of tokenizer.json. Throws base::Error (kDataLoss)
// naming file and field.
TextSteps read_text_steps(const weights::JsonObject& tokenizer);

// Those that T5Tokenizer sets up for spiece.model: the charsmap, then words at white space, each
// with "\u2581" before it.
TextSteps steps_of_t5(Charsmap charsmap);

}  // namespace zoetrope::text

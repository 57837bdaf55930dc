// Learns a vocabulary in CLIP's form from texts: for the text encoder of the bundled model.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace zoetrope::text {

struct TrainedBpe {
  std::vector<std::string> tokens;  // the id is the index
  std::vector<std::pair<std::string, std::string>> merges;
};

// Tokens: 256 bytes, the same 256 at the end of a word, one for each merge, "<|startoftext|>" and
// "<|endoftext|>"; `vocab_size` of them (>= 514), or fewer when no pair is left that occurs twice.
// Each merge joins the pair that is most frequent in the words of `texts` as they then are; of
// equally frequent ones the one with the lower ids. The result depends on the multiset of words
// only. Throws base::Error (kInvalidArgument) if vocab_size is too small.
TrainedBpe train_bpe(const std::vector<std::string>& texts, int vocab_size);

// Writes vocab.json, merges.txt, tokenizer_config.json and special_tokens_map.json into `folder`,
// which must exist, as ClipTokenizer and transformers read them.
base::Status save_tokenizer(const TrainedBpe& bpe, const std::string& folder, int max_length);

}  // namespace zoetrope::text

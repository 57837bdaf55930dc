// What both files of a PipelineTokenizer have in common beside them.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "text/tokenizer.h"
#include "text/tokenizer_config.h"

namespace zoetrope::text {

// Sets the end and padding ids and the length of `frame`. eos_token is `</s>` and pad_token `<pad>`
// where the folder names none and `ids` has them (T5); without a pad_token, the end pads. Throws
// base::Error (kDataLoss) for a token that has no id, or when there is no eos_token.
void set_special_ids(const TokenizerConfig& config, const std::string& folder,
                     const std::unordered_map<std::string, std::int32_t>& ids, Frame& frame);

}  // namespace zoetrope::text

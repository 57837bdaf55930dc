// The vocabularies of byte-pair encodings as they lie in checkpoints. Functions throw base::Error
// with one line that starts with the path: kDataLoss, or kNotFound when there is no such file.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "text/bpe.h"

namespace zoetrope::text {

// vocab.json, {"token": id, ...}, and merges.txt, "left right" a line.
BpeVocabulary read_bpe_files(const std::string& vocab_path, const std::string& merges_path);

// The field "model" of tokenizer.json: vocab as above, and merges written "left right" or
// ["left", "right"], by the file's age.
BpeVocabulary parse_bpe_model(const nlohmann::json& model, const std::string& path);

}  // namespace zoetrope::text

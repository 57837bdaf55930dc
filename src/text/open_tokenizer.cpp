#include <filesystem>

#include "text/clip_tokenizer.h"
#include "text/pipeline_tokenizer.h"
#include "text/tokenizer.h"
#include "text/tokenizer_config.h"

namespace zoetrope::text {

namespace {

template <typename T>
base::Result<std::unique_ptr<Tokenizer>> owned(base::Result<T> tokenizer) {
  if (!tokenizer.ok()) return tokenizer.status();
  return std::unique_ptr<Tokenizer>(std::make_unique<T>(std::move(tokenizer).value()));
}

base::Result<std::string> tokenizer_class(const std::string& folder) {
  try {
    return TokenizerConfig(folder).string("tokenizer_class");
  } catch (const base::Error& error) {
    return error.status();
  }
}

}  // namespace

base::Result<std::unique_ptr<Tokenizer>> open_tokenizer(const std::string& folder) {
  const auto has = [&](const char* name) {
    std::error_code ignored;
    return std::filesystem::exists(folder + "/" + name, ignored);
  };
  ZT_ASSIGN_OR_RETURN(const std::string type, tokenizer_class(folder));
  // Others than CLIP's have a vocab.json too, but name their class.
  if (type.starts_with("CLIPTokenizer") || (type.empty() && has("vocab.json"))) {
    return owned(ClipTokenizer::open(folder));
  }
  if (has("tokenizer.json")) return owned(PipelineTokenizer::open_json(folder));
  if (has("spiece.model")) return owned(PipelineTokenizer::open_sentencepiece(folder));
  return base::not_found(folder + ": neither vocab.json, tokenizer.json nor spiece.model");
}

}  // namespace zoetrope::text

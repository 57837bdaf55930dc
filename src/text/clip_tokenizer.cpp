#include <cstdint>

#include "text/clip_tokenizer.h"

#include "text/clip_text.h"

namespace zoetrope::text {

void ClipTokenizer::append_ids(std::string_view text, std::vector<std::int32_t>& ids) const {
  for (const auto& raw : in_raw_.split(text)) {
    if (raw.id) {
      ids.push_back(*raw.id);
      continue;
    }
    const std::string cleaned = clean_clip_text(raw.text);
    for (const auto& part : in_cleaned_.split(cleaned)) {
      if (part.id) {
        ids.push_back(*part.id);
        continue;
      }
      for (const std::string& word : clip_words(part.text)) encoder_.encode(word, ids);
    }
  }
}

}  // namespace zoetrope::text

#include <cstdint>

#include "text/pipeline_tokenizer.h"

namespace zoetrope::text {

void PipelineTokenizer::append_ids(std::string_view text, std::vector<std::int32_t>& ids) const {
  const auto append_words = [&](std::string_view part, bool at_start) {
    for (const std::string& word : parts_.steps.words(std::string(part), at_start)) {
      std::visit([&](const auto& model) { model.encode(word, ids); }, parts_.model);
    }
  };
  for (const auto& raw : parts_.in_raw.split(text)) {
    if (raw.id) {
      ids.push_back(*raw.id);
      continue;
    }
    const std::string normalized = parts_.steps.normalize(std::string(raw.text));
    for (const auto& part : parts_.in_normalized.split(normalized)) {
      if (part.id) {
        ids.push_back(*part.id);
      } else {
        append_words(part.text,
                     raw.text.data() == text.data() && part.text.data() == normalized.data());
      }
    }
  }
}

}  // namespace zoetrope::text

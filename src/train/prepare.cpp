#include "train/prepare.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/philox.h"
#include "text/bpe_trainer.h"
#include "text/clip_tokenizer.h"
#include "train/captions.h"
#include "train/decode_clips.h"
#include "train/model_folder.h"
#include "weights/tensor_io.h"

namespace zoetrope::train {
namespace {

using base::Result;
using base::Status;

// Phrasing 0 is the caption; the others add up to four keywords half of the time.
std::string phrase(const Caption& caption, int64_t which, uint64_t draw) {
  const auto uniform = [&](uint64_t stream) { return base::uniform_at(draw, stream, which); };
  if (which == 0 || caption.keywords.empty() || uniform(0) < 0.5) return caption.text;
  std::vector<std::string> keywords = caption.keywords;
  const auto count = std::min(keywords.size(), static_cast<size_t>(1 + uniform(1) * 4));
  std::string text = caption.text;
  for (size_t i = 0; i < count; ++i) {
    const auto pick = i + static_cast<size_t>(uniform(2 + i) * (keywords.size() - i));
    std::swap(keywords[i], keywords[pick]);
    text += ", " + keywords[i];
  }
  return text;
}

Result<std::set<std::string>> read_held_out(const std::string& path) {
  std::set<std::string> concepts;
  if (path.empty()) return concepts;
  std::ifstream file(path);
  if (!file) return base::not_found(path + ": cannot be read");
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line.front() != '#') concepts.insert(concept_of_caption(line));
  }
  return concepts;
}

Result<text::ClipTokenizer> learn_tokenizer(const PrepareOptions& options,
                                            const std::vector<Caption>& captions) {
  std::vector<std::string> texts;
  for (const Caption& caption : captions) {
    texts.push_back(caption.text);
    texts.insert(texts.end(), caption.keywords.begin(), caption.keywords.end());
  }
  const std::string folder = options.out_folder + "/tokenizer";
  std::filesystem::create_directories(folder);
  ZT_RETURN_IF_ERROR(
      text::save_tokenizer(text::train_bpe(texts, static_cast<int>(options.vocabulary)), folder,
                           static_cast<int>(options.prompt_length)));
  return text::ClipTokenizer::open(folder);
}

at::Tensor token_row(const text::ClipTokenizer& tokenizer, const std::string& text) {
  return at::tensor(tokenizer.encode(text).ids, at::kInt);
}

void add_phrasings(const PrepareOptions& options, const text::ClipTokenizer& tokenizer,
                   const Caption& caption, size_t number, std::vector<at::Tensor>& rows) {
  for (int64_t k = 0; k < options.phrasings; ++k) {
    rows.push_back(token_row(tokenizer, phrase(caption, k, options.seed * 1000003 + number)));
  }
}

// [captions, phrasings, length]; a data set without stills has no rows.
at::Tensor prompt_tensor(const PrepareOptions& options, const std::vector<at::Tensor>& rows) {
  if (rows.empty()) return at::empty({0, options.phrasings, options.prompt_length}, at::kInt);
  return at::stack(rows).view({-1, options.phrasings, options.prompt_length});
}

// Everything but the pictures: index.safetensors and index.json.
Result<PrepareSummary> write_index(const PrepareOptions& options, const std::vector<Caption>& clips,
                                   const std::vector<Caption>& stills) {
  std::vector<Caption> all = clips;
  all.insert(all.end(), stills.begin(), stills.end());
  ZT_ASSIGN_OR_RETURN(const auto held_concepts, read_held_out(options.held_out_list));
  ZT_ASSIGN_OR_RETURN(const auto tokenizer, learn_tokenizer(options, all));

  PrepareSummary summary;
  std::map<std::string, int32_t> ids;
  std::set<std::string> held_seen;
  std::vector<int32_t> concept_ids;
  std::vector<uint8_t> held, still_held, still_animated;
  std::vector<at::Tensor> prompts, still_prompts;
  std::vector<std::string> captions;
  const auto is_held = [&](const Caption& caption) {
    return held_concepts.contains(concept_of_caption(caption.text)) ? uint8_t{1} : uint8_t{0};
  };
  for (size_t i = 0; i < clips.size(); ++i) {
    const std::string about = concept_of_caption(clips[i].text);
    concept_ids.push_back(ids.try_emplace(about, static_cast<int32_t>(ids.size())).first->second);
    held.push_back(is_held(clips[i]));
    if (held.back() != 0) held_seen.insert(about);
    add_phrasings(options, tokenizer, clips[i], i, prompts);
    captions.push_back(clips[i].text);
  }
  const std::set<std::string> animated(captions.begin(), captions.end());
  for (size_t i = 0; i < stills.size(); ++i) {
    still_held.push_back(is_held(stills[i]));
    still_animated.push_back(animated.contains(stills[i].text) ? 1 : 0);
    add_phrasings(options, tokenizer, stills[i], clips.size() + i, still_prompts);
  }

  const auto status =
      weights::save_tensors(options.out_folder + "/index.safetensors",
                            {{"prompts", prompt_tensor(options, prompts)},
                             {"still_prompts", prompt_tensor(options, still_prompts)},
                             {"empty_prompt", token_row(tokenizer, "")},
                             {"concept", at::tensor(concept_ids, at::kInt)},
                             {"held_out", at::tensor(held, at::kByte)},
                             {"still_held_out", at::tensor(still_held, at::kByte)},
                             {"still_animated", at::tensor(still_animated, at::kByte)}});
  ZT_RETURN_IF_ERROR(status);
  summary.vocabulary = tokenizer.largest_id() + 1;
  write_json(options.out_folder + "/index.json",
             {{"captions", captions}, {"vocabulary", summary.vocabulary}});

  summary.clips = static_cast<int64_t>(clips.size());
  summary.stills = static_cast<int64_t>(stills.size());
  summary.held_out_clips = std::count(held.begin(), held.end(), 1);
  summary.concepts = static_cast<int64_t>(ids.size());
  summary.held_out_concepts = static_cast<int64_t>(held_seen.size());
  return summary;
}

}  // namespace

std::string concept_of_caption(const std::string& caption) {
  std::string text = caption.substr(0, caption.find(':'));
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  for (const std::string who : {"man ", "woman ", "person ", "men ", "women ", "people "}) {
    if (text.starts_with(who)) return text.substr(who.size());
  }
  return text;
}

Result<PrepareSummary> prepare(const PrepareOptions& options, const base::ProgressSink& progress,
                               const base::CancelToken& cancel) {
  std::filesystem::create_directories(options.out_folder);
  ZT_ASSIGN_OR_RETURN(const Captions captions, read_captions(options.data_folder));
  ZT_ASSIGN_OR_RETURN(PrepareSummary summary,
                      write_index(options, captions.clips, captions.stills));
  ZT_RETURN_IF_ERROR(decode_clips(options, captions, progress, cancel));
  return summary;
}

}  // namespace zoetrope::train

#include "train/clip_sampler.h"

#include <ATen/ATen.h>

#include <map>

namespace zoetrope::train {

ClipSampler::ClipSampler(const TrainingData& data, double still_share)
    : captions_(data.train_clips),
      clips_(static_cast<int64_t>(data.train_clips.size())),
      phrasings_(data.prompts.size(1)),
      still_share_(still_share) {
  std::map<int64_t, std::vector<int64_t>> by_concept;
  for (int64_t i = 0; i < clips_; ++i) by_concept[data.concept_of[captions_[i]]].push_back(i);
  for (auto& [id, examples] : by_concept) concepts_.push_back(std::move(examples));
  for (const int64_t still : data.lone_stills) captions_.push_back(data.clips.size(0) + still);
}

int64_t ClipSampler::example(double still, double which_concept, double which_clip) const {
  const int64_t stills = static_cast<int64_t>(captions_.size()) - clips_;
  if (stills > 0 && still < still_share_) {
    return clips_ + static_cast<int64_t>(which_clip * static_cast<double>(stills));
  }
  const auto& examples = concepts_[static_cast<size_t>(which_concept * concepts_.size())];
  return examples[static_cast<size_t>(which_clip * examples.size())];
}

int64_t ClipSampler::prompt_row(int64_t example, double which) const {
  return 1 + captions_[example] * phrasings_ + static_cast<int64_t>(which * phrasings_);
}

at::Tensor ClipSampler::prompt_table(const TrainingData& data) {
  return at::cat({data.empty_prompt.unsqueeze(0), data.prompts.flatten(0, 1),
                  data.still_prompts.flatten(0, 1)});
}

}  // namespace zoetrope::train

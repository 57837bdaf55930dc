#include "train/clip_sampler.h"

#include <ATen/ATen.h>

#include <map>

namespace zoetrope::train {

ClipSampler::ClipSampler(const TrainingData& data)
    : clips_(data.train_clips), phrasings_(data.prompts.size(1)) {
  std::map<int64_t, std::vector<int64_t>> by_concept;
  for (size_t i = 0; i < clips_.size(); ++i) {
    by_concept[data.concept_of[clips_[i]]].push_back(static_cast<int64_t>(i));
  }
  for (auto& [id, positions] : by_concept) concepts_.push_back(std::move(positions));
}

int64_t ClipSampler::train_position(double which_concept, double which_clip) const {
  const auto& positions = concepts_[static_cast<size_t>(which_concept * concepts_.size())];
  return positions[static_cast<size_t>(which_clip * positions.size())];
}

int64_t ClipSampler::prompt_row(int64_t train_position, double which) const {
  return clips_[train_position] * phrasings_ + static_cast<int64_t>(which * phrasings_);
}

}  // namespace zoetrope::train

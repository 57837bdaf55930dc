// Which clip and which phrasing a training example uses: concepts are drawn uniformly, then one of
// a concept's clips (its skin tones), so that the many variants of a few people do not drown the
// rest.
#pragma once

#include <cstdint>
#include <vector>

#include "train/training_data.h"

namespace zoetrope::train {

class ClipSampler {
 public:
  explicit ClipSampler(const TrainingData& data);
  // Position in data.train_clips, from two uniform numbers in (0, 1).
  int64_t train_position(double which_concept, double which_clip) const;
  // Row of data.prompts (flattened over clips and phrasings) for the clip at that position.
  int64_t prompt_row(int64_t train_position, double which) const;

 private:
  std::vector<std::vector<int64_t>> concepts_;  // positions of each concept's training clips
  std::vector<int64_t> clips_;
  int64_t phrasings_;
};

}  // namespace zoetrope::train

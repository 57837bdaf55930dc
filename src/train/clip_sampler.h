// Which example a place of a training batch gets. Examples are the training clips, then the clips
// made from stills. Of the former concepts are drawn uniformly, then one of a concept's clips (its
// skin tones), so that the many variants of a few people do not drown the rest.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "train/training_data.h"

namespace zoetrope::train {

class ClipSampler {
 public:
  // `still_share` of the draws are stills, if there are any.
  ClipSampler(const TrainingData& data, double still_share);
  // Example number, from three uniform numbers in (0, 1).
  int64_t example(double still, double which_concept, double which_clip) const;
  // Row of prompt_table() for one of the example's phrasings.
  int64_t prompt_row(int64_t example, double which) const;
  // [rows, l]: row 0 is the empty prompt, then every phrasing of every clip and still.
  static at::Tensor prompt_table(const TrainingData& data);

 private:
  std::vector<std::vector<int64_t>> concepts_;  // examples of each concept
  std::vector<int64_t> captions_;  // per example: number of its caption, stills after clips
  int64_t clips_, phrasings_;
  double still_share_;
};

}  // namespace zoetrope::train

// The clips a comparison runs on: real clips with captions, whose first frames are the pictures.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace zoetrope::eval {

struct EvalItem {
  int64_t number = 0;   // of the clip in the data
  std::string caption;  // the prompt
  int cluster = 0;      // clips of one concept share theirs; 0, 1, ... without gaps
  at::Tensor frames;    // u8 [f, h, w, 3]; may lie in a mapped file
};

struct EvalSet {
  std::vector<EvalItem> items;
  int clusters = 0;
  bool held_out = false;           // else the data holds nothing out and all its clips are meant
  std::vector<at::Tensor> others;  // clips outside the set, for fitting the feature space
};

// A folder that `zoetrope train prepare` wrote: its held-out clips, or all clips if it holds none
// out. `limit` > 0 takes that many: one of each concept in turn, concepts spread evenly.
base::Result<EvalSet> open_eval_set(const std::string& folder, int64_t limit);

}  // namespace zoetrope::eval

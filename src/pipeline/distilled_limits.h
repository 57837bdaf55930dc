// What a distilled student can be asked for; everything else it was not trained on.
#pragma once

namespace zoetrope::pipeline {

struct DistilledLimits {
  int steps = 0;
  double least_image_guidance = 1, most_image_guidance = 1;
  double least_text_guidance = 1, most_text_guidance = 1;
};

}  // namespace zoetrope::pipeline

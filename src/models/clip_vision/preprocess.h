// From a picture to what CLIP's image encoder expects. Fitting it to the encoder's size is the
// pipeline's task: pipelines differ in how they crop and resample.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>

#include "weights/json_config.h"

namespace zoetrope::models {

// Per channel; the defaults are the statistics of CLIP's training pictures.
struct ClipImageStatistics {
  std::array<double, 3> mean = {0.48145466, 0.4578275, 0.40821073};
  std::array<double, 3> std = {0.26862954, 0.26130258, 0.27577711};

  // image_mean and image_std of preprocessor_config.json. Throws base::Error naming the field.
  static ClipImageStatistics from_json(const weights::JsonObject& json);
};

// images [..., 3] in [0, 1] -> (images - mean) / std, the same shape, fp32.
at::Tensor clip_preprocess(const at::Tensor& images, const ClipImageStatistics& statistics = {});

}  // namespace zoetrope::models

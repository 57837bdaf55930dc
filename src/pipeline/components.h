// The parts of an animate model (a U-Net that turns a picture into a clip), loaded.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>
#include <vector>

#include "diffusion/block_cache.h"
#include "diffusion/scheduler.h"
#include "models/animate_unet/network.h"
#include "models/autoencoder_kl/autoencoder_kl.h"
#include "models/clip_text/clip_text.h"
#include "models/clip_vision/clip_vision.h"
#include "models/clip_vision/preprocess.h"
#include "pipeline/distilled_limits.h"
#include "pipeline/model_index.h"
#include "text/clip_tokenizer.h"

namespace zoetrope::pipeline {

// A U-Net and the way to sample with it.
struct Sampler {
  models::AnimateUnet unet;
  std::unique_ptr<const diffusion::Scheduler> scheduler;
  std::optional<DistilledLimits> distilled;  // guidance is inside: one pass a step
};

// Immutable after loading; any thread may use it.
struct Components {
  const Recipe* recipe;
  at::Device device;
  at::ScalarType dtype;
  text::ClipTokenizer tokenizer;
  models::ClipText text_encoder;
  models::AutoencoderKl vae;
  Sampler teacher;                                         // "unet" and "scheduler"
  std::optional<Sampler> student;                          // "student", where there is one
  std::shared_ptr<const diffusion::BlockPlan> block_plan;  // teacher's; null: none measured
  std::optional<models::ClipVision> image_encoder;         // recipe->image_encoder
  models::ClipImageStatistics image_statistics;
};

// Weights are memory-mapped and converted only where dtype or device differ from the file's.
// Throws base::Error naming the file and the field or parameter at fault.
Components load_components(const ModelIndex& index, at::ScalarType dtype, at::Device device);

std::vector<ComponentLoader> animate_component_loaders(const ModelIndex& index);

}  // namespace zoetrope::pipeline

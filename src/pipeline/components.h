// The parts of a model folder in the diffusers layout, loaded.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "diffusion/block_cache.h"
#include "diffusion/scheduler.h"
#include "models/animate_unet/network.h"
#include "models/autoencoder_kl/autoencoder_kl.h"
#include "models/clip_text/clip_text.h"
#include "models/clip_vision/clip_vision.h"
#include "models/clip_vision/preprocess.h"
#include "pipeline/recipe.h"
#include "text/clip_tokenizer.h"
#include "weights/json_config.h"

namespace zoetrope::pipeline {

// model_index.json and the recipe it asks for.
struct ModelIndex {
  std::filesystem::path folder;
  weights::JsonObject json;
  const Recipe* recipe;
};
// Throws base::Error naming the file.
ModelIndex read_model_index(const std::filesystem::path& folder);

// What a distilled student can be asked for; everything else it was not trained on.
struct DistilledLimits {
  int steps = 0;
  double least_image_guidance = 1, most_image_guidance = 1;
  double least_text_guidance = 1, most_text_guidance = 1;
};

// A U-Net and the way to sample with it.
struct Denoiser {
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
  Denoiser teacher;                                        // "unet" and "scheduler"
  std::optional<Denoiser> student;                         // "student", where there is one
  std::shared_ptr<const diffusion::BlockPlan> block_plan;  // teacher's; null: none measured
  std::optional<models::ClipVision> image_encoder;         // recipe->image_encoder
  models::ClipImageStatistics image_statistics;
};

// Weights are memory-mapped and converted only where dtype or device differ from the file's.
// Throws base::Error naming the file and the field or parameter at fault.
Components load_components(const ModelIndex& index, at::ScalarType dtype, at::Device device);

// Bytes the weights will take in `dtype`. Reads file headers only.
int64_t weight_bytes(const ModelIndex& index, at::ScalarType dtype);

// The weights one component has too many or too few: for `inspect`. Loads nothing to a device.
struct ComponentCheck {
  std::string name;                    // "unet"
  int64_t parameters = 0;              // numbers in its tensors
  int64_t bytes = 0;                   // in the file
  std::vector<at::ScalarType> dtypes;  // in the file
  std::vector<std::string> unused;
  std::string problem;  // empty, or the error of loading it
};
std::vector<ComponentCheck> check_components(const ModelIndex& index);

}  // namespace zoetrope::pipeline

// model_index.json, which pipeline it asks for, and the files of its components.
#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "diffusion/scheduler.h"
#include "ops/attention.h"
#include "pipeline/recipe.h"
#include "pipeline/transformer_recipe.h"
#include "weights/checkpoint.h"
#include "weights/json_config.h"
#include "weights/quantising_source.h"

namespace zoetrope::pipeline {

struct ModelIndex {
  std::filesystem::path folder;
  weights::JsonObject json;
  std::string class_name;
  // One of the two.
  const Recipe* recipe = nullptr;
  const TransformerRecipe* transformer = nullptr;
  // How a transformer's denoiser is to hold its weights; the caller's choice.
  weights::LinearPolicy linears = {};
  // Likewise how exact its attention is.
  ops::AttentionPrecision attention = ops::AttentionPrecision::kExact;
  // Where weights live that need not all be on the device at once.
  struct Placement {
    // Of the denoiser's blocks (offload.h), of each network where there are two; absent: no limit.
    std::optional<int64_t> block_budget_bytes;
    bool text_encoders_leave = false;  // loaded for each use, one at a time
    bool poison_slots = false;         // for tests, see OffloadOptions
  } placement = {};

  // Whether the folder has this component: diffusers writes [null, null] for those left out.
  bool has(const std::string& component) const;
  weights::JsonObject config(const std::string& component, const char* file = "config.json") const;
  weights::CheckpointSource source(const std::string& component, at::ScalarType dtype,
                                   at::Device device) const;
  std::unique_ptr<const diffusion::Scheduler> scheduler(const std::string& component) const;
};

// Throws base::Error naming the file.
ModelIndex read_model_index(const std::filesystem::path& folder);

// A component that has weights, and what makes a network of them, which the result holds.
struct ComponentLoader {
  std::string name;
  std::function<std::shared_ptr<const void>(weights::CheckpointSource&)> build;
  // Weights that nothing here needs and that are never loaded: a language model's head.
  std::set<std::string> left_out = {};
};
std::vector<ComponentLoader> component_loaders(const ModelIndex& index);
template <class Network>
std::shared_ptr<const void> held(Network network) {
  return std::make_shared<const Network>(std::move(network));
}

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

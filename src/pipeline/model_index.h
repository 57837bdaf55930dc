// model_index.json, which pipeline it asks for, and the files of its components.
#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "diffusion/scheduler.h"
#include "pipeline/recipe.h"
#include "pipeline/transformer_recipe.h"
#include "weights/checkpoint.h"
#include "weights/json_config.h"

namespace zoetrope::pipeline {

struct ModelIndex {
  std::filesystem::path folder;
  weights::JsonObject json;
  std::string class_name;
  // One of the two.
  const Recipe* recipe = nullptr;
  const TransformerRecipe* transformer = nullptr;

  // Whether the folder has this component: diffusers writes [null, null] for those left out.
  bool has(const std::string& component) const;
  weights::JsonObject config(const std::string& component, const char* file = "config.json") const;
  weights::CheckpointSource source(const std::string& component, at::ScalarType dtype,
                                   at::Device device) const;
  std::unique_ptr<const diffusion::Scheduler> scheduler(const std::string& component) const;
};

// Throws base::Error naming the file.
ModelIndex read_model_index(const std::filesystem::path& folder);

// A component that has weights, and what makes a network of them.
struct ComponentLoader {
  std::string name;
  std::function<void(weights::CheckpointSource&)> build;
};
std::vector<ComponentLoader> component_loaders(const ModelIndex& index);

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

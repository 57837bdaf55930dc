// What a model folder is and what it needs, without running it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/api/engine.h"

namespace zoetrope::engine {

struct ComponentReport {
  std::string name;  // "unet"
  int64_t parameters = 0;
  int64_t bytes = 0;                // on the disk
  std::vector<std::string> dtypes;  // "bf16", ...
  std::vector<std::string> unused;  // weights in the file that the network has no place for
  std::string problem;              // empty, or why it cannot be loaded
};

struct ModelReport {
  std::string pipeline;
  std::vector<ComponentReport> components;
  std::string problem;  // of the model as a whole: parts that do not fit each other, no tokenizer
  std::optional<ModelDefaults> defaults;  // only if there is no problem
  // For one clip of the size asked for. Nothing limits the plan of the GPU: there may be none here.
  std::optional<MemoryPlan> on_cpu, on_gpu;
};

struct InspectOptions {
  std::optional<int> width, height, num_frames;  // the model's where absent
  std::string dtype = "auto";                    // as in EngineOptions
};

// kNotFound, kDataLoss: no readable model_index.json. kInvalidArgument: an option. Anything else
// wrong is in the report.
base::Result<ModelReport> inspect_model(const std::filesystem::path& folder,
                                        const InspectOptions& options = {});

}  // namespace zoetrope::engine

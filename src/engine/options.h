// What EngineOptions mean for a model folder. Errors are kInvalidArgument and name the option.
#pragma once

#include "base/result.h"
#include "engine/api/engine.h"
#include "pipeline/model_index.h"

namespace zoetrope::engine {

// What is wrong whatever the model.
base::Status check_options(const EngineOptions& options);

// How the model is to hold its weights and how exact its attention is.
base::Status choose_precision(const EngineOptions& options, pipeline::ModelIndex& index);

}  // namespace zoetrope::engine

// What a model is, in the words of engine/api.
#pragma once

#include "engine/api/request.h"
#include "pipeline/model.h"

namespace zoetrope::engine {

ModelDefaults model_defaults(const pipeline::ModelTraits& traits);

}  // namespace zoetrope::engine

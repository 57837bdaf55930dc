// What model_index.json says about a model's use, over what its recipe says.
#pragma once

#include "engine/api/request.h"
#include "pipeline/components.h"

namespace zoetrope::engine {

// Throws base::Error naming the field of model_index.json.
ModelDefaults model_defaults(const pipeline::ModelIndex& index,
                             const pipeline::Components& components);

}  // namespace zoetrope::engine

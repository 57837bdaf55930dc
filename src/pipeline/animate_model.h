// The animate models (recipe.h) as Models.
#pragma once

#include <memory>

#include "pipeline/components.h"
#include "pipeline/model.h"

namespace zoetrope::pipeline {

// Throws base::Error naming the field of model_index.json.
ModelTraits animate_traits(const ModelIndex& index, const Components& components);

std::unique_ptr<Model> load_animate_model(const ModelIndex& index, at::ScalarType dtype,
                                          at::Device device);

}  // namespace zoetrope::pipeline

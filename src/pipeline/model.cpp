#include "pipeline/model.h"

#include "pipeline/animate_model.h"
#include "pipeline/transformer_model.h"

namespace zoetrope::pipeline {

std::unique_ptr<Model> load_model(const ModelIndex& index, at::ScalarType dtype,
                                  at::Device device) {
  return index.recipe != nullptr ? load_animate_model(index, dtype, device)
                                 : load_transformer_model(index, dtype, device);
}

}  // namespace zoetrope::pipeline

#include "engine/api/inspect.h"

#include <c10/core/GradMode.h>

#include "engine/api/memory_size.h"
#include "engine/boundary.h"
#include "engine/memory_plan.h"
#include "engine/model_defaults.h"
#include "pipeline/model.h"
#include "tensor/device.h"

namespace zoetrope::engine {
namespace {

std::string name_of(at::ScalarType dtype) {
  switch (dtype) {
    case at::kFloat:
      return "fp32";
    case at::kBFloat16:
      return "bf16";
    case at::kHalf:
      return "fp16";
    default:
      return c10::toString(dtype);
  }
}

ComponentReport report_of(const pipeline::ComponentCheck& check) {
  ComponentReport report{check.name, check.parameters, check.bytes,
                         {},         check.unused,     check.problem};
  for (const at::ScalarType dtype : check.dtypes) report.dtypes.push_back(name_of(dtype));
  return report;
}

}  // namespace

base::Result<ModelReport> inspect_model(const std::filesystem::path& folder) {
  return guarded([&] {
    const c10::NoGradGuard no_gradients;
    const pipeline::ModelIndex index = pipeline::read_model_index(folder);
    ModelReport report;
    report.pipeline = index.class_name;
    bool sound = true;
    for (const pipeline::ComponentCheck& check : pipeline::check_components(index)) {
      report.components.push_back(report_of(check));
      sound &= check.problem.empty();
    }
    if (!sound) return report;
    const at::ScalarType dtype = tensor::default_dtype(at::kCPU);
    try {
      const auto model = pipeline::load_model(index, dtype, at::kCPU);
      const pipeline::ModelTraits traits = model->traits();
      report.defaults = model_defaults(traits);
      report.memory = plan_memory(*model, {traits.num_frames, traits.width, traits.height},
                                  pipeline::weight_bytes(index, dtype),
                                  available_memory_bytes() + kFixedBytesCpu);
    } catch (const base::Error& error) {
      report.problem = error.what();
    }
    return report;
  });
}

}  // namespace zoetrope::engine

#include "engine/api/inspect.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "engine/api/memory_size.h"
#include "engine/boundary.h"
#include "engine/memory_plan.h"
#include "engine/model_defaults.h"
#include "pipeline/model.h"
#include "tensor/device.h"

namespace zoetrope::engine {
namespace {

ComponentReport report_of(const pipeline::ComponentCheck& check) {
  ComponentReport report{check.name, check.parameters, check.bytes,
                         {},         check.unused,     check.problem};
  for (const at::ScalarType dtype : check.dtypes)
    report.dtypes.push_back(tensor::dtype_name(dtype));
  return report;
}

// What decoding in tiles takes is of interest where it is less.
void add_tiled_decode(const MemoryPlanner& planner, pipeline::RunSize size, MemoryPlan& plan) {
  const auto decode_of = [](const MemoryPlan& from) {
    return *std::ranges::find(from.roles, "decode", &MemoryPlan::Part::name);
  };
  size.decode_tile = *std::rbegin(kDecodeTiles);
  const int64_t bytes = decode_of(planner.plan(size)).bytes;
  if (bytes < decode_of(plan).bytes) plan.roles.push_back({"decode in tiles", bytes});
}

std::pair<MemoryPlan, pipeline::ModelTraits> plan_on(const pipeline::ModelIndex& index,
                                                     at::Device device,
                                                     const InspectOptions& options) {
  const at::ScalarType dtype = options.dtype == "auto"
                                   ? tensor::default_dtype(device)
                                   : tensor::parse_dtype(options.dtype).value_or_throw();
  constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();
  const MemoryPlanner planner(index, dtype, device, kNoLimit);
  const pipeline::ModelTraits traits = planner.traits();
  const pipeline::RunSize size{.num_frames = options.num_frames.value_or(traits.num_frames),
                               .width = options.width.value_or(traits.width),
                               .height = options.height.value_or(traits.height),
                               .guided = !traits.guidance_embeds};
  MemoryPlan plan = planner.plan(size);
  add_tiled_decode(planner, size, plan);
  return {std::move(plan), traits};
}

}  // namespace

base::Result<ModelReport> inspect_model(const std::filesystem::path& folder,
                                        const InspectOptions& options) {
  return guarded([&]() -> base::Result<ModelReport> {
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
    try {
      const at::Device cpu(at::kCPU), gpu(at::kCUDA, 0);
      const auto [on_cpu, traits] = plan_on(index, cpu, options);
      report.defaults = model_defaults(traits);
      report.on_cpu = on_cpu;
      report.on_cpu->limit_bytes = available_memory_bytes() + kFixedBytesCpu;
      report.on_gpu = plan_on(index, gpu, options).first;
    } catch (const base::Error& error) {
      report.problem = error.what();
    }
    return report;
  });
}

}  // namespace zoetrope::engine

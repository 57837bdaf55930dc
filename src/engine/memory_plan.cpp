#include "engine/memory_plan.h"

namespace zoetrope::engine {

MemoryPlan plan_memory(const pipeline::Model& model, const pipeline::RunSize& size,
                       int64_t weight_bytes, int64_t limit_bytes) {
  MemoryPlan plan{.weight_bytes = weight_bytes,
                  .fixed_bytes = model.device().is_cuda() ? 0 : kFixedBytesCpu,
                  .peak_bytes = 0,
                  .limit_bytes = limit_bytes};
  plan.peak_bytes = plan.fixed_bytes + 2 * (weight_bytes + model.activation_bytes(size));
  return plan;
}

}  // namespace zoetrope::engine

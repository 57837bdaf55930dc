#include "engine/memory_plan.h"

#include <algorithm>
#include <iterator>
#include <numeric>

#include "pipeline/offload.h"
#include "pipeline/transformer_model.h"

namespace zoetrope::engine {

using pipeline::Forecast;

MemoryPlanner::MemoryPlanner(const pipeline::ModelIndex& index, at::ScalarType dtype,
                             at::Device device, int64_t limit_bytes)
    : device_(device),
      limit_bytes_(limit_bytes),
      forecaster_(index, dtype, device),
      has_tiles_(index.transformer != nullptr) {
  if (index.transformer == nullptr || !device.is_cuda()) return;
  block_bytes_ = pipeline::denoiser_block_bytes(index, dtype);
  choose_placement(index);
}

void MemoryPlanner::choose_placement(const pipeline::ModelIndex& index) {
  const pipeline::ModelTraits traits = forecaster_.traits();
  const Forecast forecast = forecaster_.run({.num_frames = traits.num_frames,
                                             .width = traits.width,
                                             .height = traits.height,
                                             .guided = !traits.guidance_embeds});
  placement_ = index.placement;
  if (peak_bytes(forecast, placement_) <= limit_bytes_) return;
  placement_.text_encoders_leave = true;
  const int64_t over = peak_bytes(forecast, placement_) - limit_bytes_;
  if (over <= 0) return;
  int64_t least = 0, all = 0;
  for (const std::vector<int64_t>& blocks : block_bytes_) {
    least = std::max(least, pipeline::least_offload_bytes(blocks));
    all += std::accumulate(blocks.begin(), blocks.end(), int64_t{0});
  }
  // The same for each network. Less than the least is not to be had: the plan will say so.
  const auto networks = static_cast<int64_t>(block_bytes_.size());
  placement_.block_budget_bytes = std::max(least, (all - over) / networks);
}

bool MemoryPlanner::leaves(const std::string& component, const Placement& placement) const {
  return placement.text_encoders_leave && component.starts_with("text_encoder");
}

int64_t MemoryPlanner::streamed_bytes(const Placement& placement) const {
  if (!placement.block_budget_bytes) return 0;
  int64_t bytes = 0;
  for (const std::vector<int64_t>& blocks : block_bytes_) {
    const auto plan = pipeline::plan_offload(blocks, *placement.block_budget_bytes);
    const int64_t all = std::accumulate(blocks.begin(), blocks.end(), int64_t{0});
    if (plan) bytes += all - plan->device_bytes();
  }
  return bytes;
}

// A text encoder that leaves is there for its role alone, which has the component's name.
int64_t MemoryPlanner::peak_bytes(const Forecast& forecast, const Placement& placement) const {
  int64_t always = -streamed_bytes(placement);
  for (const pipeline::ComponentBytes& part : forecaster_.weights()) {
    if (!leaves(part.name, placement)) always += part.bytes;
  }
  int64_t peak = always + forecast.peak_bytes();
  for (const pipeline::ComponentBytes& part : forecaster_.weights()) {
    if (!leaves(part.name, placement)) continue;
    const auto role = std::ranges::find(forecast.roles, part.name, &Forecast::Role::name);
    const int64_t tensors = role == forecast.roles.end() ? 0 : role->peak_bytes;
    // A later request's encoders run beside the recorded passes of an earlier one.
    peak = std::max(peak, always + part.bytes + tensors + forecast.recorded_bytes);
  }
  return device_.is_cuda() ? kFixedBytesCuda + peak : kFixedBytesCpu + 2 * peak;
}

MemoryPlan MemoryPlanner::plan() const {
  MemoryPlan plan{.components = {},
                  .roles = {},
                  .weight_bytes = forecaster_.weight_bytes(),
                  .fixed_bytes = device_.is_cuda() ? kFixedBytesCuda : kFixedBytesCpu,
                  .peak_bytes = peak_bytes({}, placement_),
                  .limit_bytes = limit_bytes_};
  for (const pipeline::ComponentBytes& part : forecaster_.weights()) {
    plan.components.push_back({part.name, part.bytes});
  }
  return plan;
}

int64_t MemoryPlanner::decode_tile(pipeline::RunSize size) const {
  if (!has_tiles_ || size.decode_tile != 0) return size.decode_tile;
  const auto fits = [&](int64_t tile) {
    size.decode_tile = tile;
    return peak_bytes(forecaster_.run(size), placement_) <= limit_bytes_;
  };
  size.together = 1;
  if (fits(0)) return 0;
  const auto* const largest = std::ranges::find_if(kDecodeTiles, fits);
  return largest == std::end(kDecodeTiles) ? 0 : *largest;
}

MemoryPlan MemoryPlanner::plan(const pipeline::RunSize& asked) const {
  MemoryPlan plan = this->plan();
  pipeline::RunSize size = asked;
  plan.decode_tile = size.decode_tile = decode_tile(asked);
  const Forecast forecast = forecaster_.run(size);
  for (const Forecast::Role& role : forecast.roles) {
    plan.roles.push_back({role.name, role.peak_bytes});
  }
  plan.peak_bytes = peak_bytes(forecast, placement_);
  return plan;
}

}  // namespace zoetrope::engine

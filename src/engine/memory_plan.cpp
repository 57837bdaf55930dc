#include "engine/memory_plan.h"

#include <algorithm>
#include <numeric>

#include "pipeline/offload.h"
#include "pipeline/transformer_model.h"

namespace zoetrope::engine {

using pipeline::Forecast;

namespace {

constexpr int kMostSide = 8192;

}  // namespace

MemoryPlanner::MemoryPlanner(const pipeline::ModelIndex& index, at::ScalarType dtype,
                             at::Device device, int64_t limit_bytes, const ExpectedSize& expected)
    : device_(device),
      limit_bytes_(limit_bytes),
      forecaster_(index, dtype, device),
      has_tiles_(index.transformer != nullptr) {
  if (index.transformer == nullptr || !device.is_cuda()) return;
  block_bytes_ = pipeline::denoiser_block_bytes(index, dtype);
  choose_placement(index, expected);
}

void MemoryPlanner::choose_placement(const pipeline::ModelIndex& index,
                                     const ExpectedSize& expected) {
  const pipeline::ModelTraits traits = forecaster_.traits();
  // Whether the size can be asked for at all is for the request to say.
  const auto near = [](const std::optional<int>& asked, int own, int multiple, int most) {
    if (!asked || multiple == 0) return own;
    return (std::clamp(*asked, 1, most) + multiple - 1) / multiple * multiple;
  };
  const int frames = near(expected.num_frames, traits.num_frames, 1, traits.max_frames);
  pipeline::RunSize size{
      .num_frames = (frames - 1) / traits.frame_multiple * traits.frame_multiple + 1,
      .width = near(expected.width, traits.width, traits.size_multiple, kMostSide),
      .height = near(expected.height, traits.height, traits.size_multiple, kMostSide),
      .guided = !traits.guidance_embeds};
  const auto over_limit = [&] {
    return peak_bytes(forecaster_.run(size), placement_) - limit_bytes_;
  };
  placement_ = index.placement;
  if (over_limit() <= 0) return;
  placement_.text_encoders_leave = true;
  int64_t least = 0, all = 0;
  for (const std::vector<int64_t>& blocks : block_bytes_) {
    least = std::max(least, pipeline::least_offload_bytes(blocks));
    all += std::accumulate(blocks.begin(), blocks.end(), int64_t{0});
  }
  // The same for each network. Branches apart read streamed blocks once each, so that comes last.
  // Less than the least is not to be had: the plan will say so.
  const auto networks = static_cast<int64_t>(block_bytes_.size());
  for (const bool apart : {false, true}) {
    size.branches_apart = apart && size.guided;
    const int64_t over = over_limit();
    if (over <= 0) return;
    if (const int64_t budget = (all - over) / networks; budget >= least) {
      placement_.block_budget_bytes = budget;
      return;
    }
  }
  placement_.block_budget_bytes = least;
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
  Forecast run = forecast;
  if (!records_passes(placement)) run.recorded_bytes = 0;
  int64_t peak = always + run.peak_bytes();
  for (const pipeline::ComponentBytes& part : forecaster_.weights()) {
    if (!leaves(part.name, placement)) continue;
    const auto role = std::ranges::find(run.roles, part.name, &Forecast::Role::name);
    const int64_t tensors = role == run.roles.end() ? 0 : role->peak_bytes;
    peak = std::max(peak, always + part.bytes + tensors);
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

pipeline::RunSize MemoryPlanner::fitting(pipeline::RunSize size) const {
  size.together = 1;
  if (!has_tiles_ || size.decode_tile != 0) return size;
  const pipeline::RunSize whole = size;
  for (const int64_t tile : kDecodeTiles) {
    for (const bool apart : {false, true}) {
      size.decode_tile = tile;
      size.branches_apart = apart && size.guided;
      if (peak_bytes(forecaster_.run(size), placement_) <= limit_bytes_) return size;
    }
  }
  return whole;
}

MemoryPlan MemoryPlanner::plan(const pipeline::RunSize& asked) const {
  MemoryPlan plan = this->plan();
  pipeline::RunSize size = fitting(asked);
  plan.decode_tile = size.decode_tile;
  plan.branches_apart = size.branches_apart;
  size.together = asked.together;
  const Forecast forecast = forecaster_.run(size);
  for (const Forecast::Role& role : forecast.roles) {
    plan.roles.push_back({role.name, role.peak_bytes});
  }
  plan.peak_bytes = peak_bytes(forecast, placement_);
  return plan;
}

}  // namespace zoetrope::engine

#include "diffusion/ddim.h"

#include "base/status.h"
#include "ops/weighted_sum.h"
#include "tensor/tensor.h"

namespace zoetrope::diffusion {

std::unique_ptr<SchedulerState> DdimScheduler::begin(int steps, std::optional<double> mu) const {
  base::require(!mu.has_value(), "mu: only flow schedules have a dynamic shift");
  const auto* table = std::get_if<DiscreteSchedule>(&schedule_);
  Grid grid = table ? make_ddim_grid(*table, options_.spacing, options_.steps_offset,
                                     options_.set_alpha_to_one, steps)
                    : make_grid(std::get<CosineSchedule>(schedule_), GridOptions{}, steps);
  return std::make_unique<DdimState>(std::move(grid), options_);
}

// z' = alpha' x0 + sigma' eps, with eps = (z - alpha x0) / sigma.
at::Tensor DdimState::advance(const at::Tensor& output, int i, const at::Tensor& sample) {
  const auto& [timestep, from, to] = at(i);
  const at::Tensor x0 = predicted_x0(output, i, sample);
  const double keep = to.sigma / from.sigma;
  if (!clip_range_) return ops::weighted_sum({{keep, sample}, {to.alpha - from.alpha * keep, x0}});
  const at::Tensor clipped = x0.clamp(-*clip_range_, *clip_range_);
  return ops::weighted_sum({{keep, sample}, {-from.alpha * keep, x0}, {to.alpha, clipped}});
}

}  // namespace zoetrope::diffusion

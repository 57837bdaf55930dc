// Euler's method for flow matching: z' = z + (sigma' - sigma) v. Lipman et al., arXiv 2210.02747;
// grids as in diffusers' FlowMatchEulerDiscreteScheduler.
#pragma once

#include "diffusion/scheduler.h"

namespace zoetrope::diffusion {

class FlowEulerScheduler : public Scheduler {
 public:
  explicit FlowEulerScheduler(const FlowSchedule& schedule, FlowNodes nodes = FlowNodes::kEuler)
      : schedule_(schedule), nodes_(nodes) {}

  std::unique_ptr<SchedulerState> begin(int steps, std::optional<double> mu) const override;

 private:
  FlowSchedule schedule_;
  FlowNodes nodes_;
};

class FlowEulerState : public SchedulerState {
 public:
  explicit FlowEulerState(Grid grid) : SchedulerState(std::move(grid), Prediction::kFlow) {}

  std::unique_ptr<SchedulerState> clone() const override {
    return std::make_unique<FlowEulerState>(*this);
  }

 protected:
  at::Tensor advance(const at::Tensor& output, int i, const at::Tensor& sample) override;
};

}  // namespace zoetrope::diffusion

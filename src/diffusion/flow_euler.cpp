#include "diffusion/flow_euler.h"

#include "ops/weighted_sum.h"
#include "tensor/tensor.h"

namespace zoetrope::diffusion {

std::unique_ptr<SchedulerState> FlowEulerScheduler::begin(int steps,
                                                          std::optional<double> mu) const {
  return std::make_unique<FlowEulerState>(make_flow_grid(schedule_, nodes_, mu, steps));
}

at::Tensor FlowEulerState::advance(const at::Tensor& output, int i, const at::Tensor& sample) {
  const GridStep& step = grid()[i];
  return ops::weighted_sum({{1, sample}, {step.to.sigma - step.from.sigma, output}});
}

}  // namespace zoetrope::diffusion

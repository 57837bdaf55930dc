// DPM-Solver++, multistep, orders 1 to 3, deterministic: Lu et al., arXiv 2211.01095; the order-3
// update and the "heun" form as in the authors' code and diffusers' DPMSolverMultistepScheduler.
#pragma once

#include <array>
#include <variant>

#include "diffusion/scheduler.h"

namespace zoetrope::diffusion {

struct DpmSolverOptions {
  enum class Form { kMidpoint, kHeun };  // how order 2 weighs the difference

  Prediction prediction = Prediction::kEpsilon;
  int order = 2;  // 1 to 3
  Form form = Form::kMidpoint;
  // Falls to order 2 and 1 at the end of a run of fewer steps than this; 0: never. diffusers uses
  // 15, the authors 10. The last step is of order 1 anyway when it ends at sigma = 0.
  int lower_order_final_below = 15;
  bool euler_at_final = false;  // the last step is always of order 1
};

class DpmSolverScheduler : public Scheduler {
 public:
  using Schedule = std::variant<DiscreteSchedule, CosineSchedule, FlowSchedule>;
  // `grid` is not used by a flow schedule.
  DpmSolverScheduler(Schedule schedule, const GridOptions& grid, const DpmSolverOptions& options)
      : schedule_(std::move(schedule)), grid_(grid), options_(options) {}

  std::unique_ptr<SchedulerState> begin(int steps, std::optional<double> mu) const override;

 private:
  Schedule schedule_;
  GridOptions grid_;
  DpmSolverOptions options_;
};

class DpmSolverState : public SchedulerState {
 public:
  DpmSolverState(Grid grid, const DpmSolverOptions& options)
      : SchedulerState(std::move(grid), options.prediction), options_(options) {}

  std::unique_ptr<SchedulerState> clone() const override {
    return std::make_unique<DpmSolverState>(*this);
  }

 protected:
  at::Tensor advance(const at::Tensor& output, int i, const at::Tensor& sample) override;

 private:
  int order_at(int i) const;

  DpmSolverOptions options_;
  std::array<at::Tensor, 2> history_;  // x0 of the last two steps, newest first
  int history_size_ = 0;
};

}  // namespace zoetrope::diffusion

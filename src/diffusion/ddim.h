// DDIM without noise (eta = 0): Song, Meng, Ermon, arXiv 2010.02502, equation 12.
#pragma once

#include <variant>

#include "diffusion/scheduler.h"

namespace zoetrope::diffusion {

struct DdimOptions {
  Prediction prediction = Prediction::kEpsilon;
  // x0 is clipped to +-clip_range, the noise estimate is not (as in diffusers); none: no clipping.
  std::optional<double> clip_range = std::nullopt;
  // Table schedules only.
  Spacing spacing = Spacing::kLeading;
  int steps_offset = 0;
  bool set_alpha_to_one = true;
};

class DdimScheduler : public Scheduler {
 public:
  using Schedule = std::variant<DiscreteSchedule, CosineSchedule>;
  DdimScheduler(Schedule schedule, const DdimOptions& options)
      : schedule_(std::move(schedule)), options_(options) {}

  std::unique_ptr<SchedulerState> begin(int steps, std::optional<double> mu) const override;

 private:
  Schedule schedule_;
  DdimOptions options_;
};

class DdimState : public SchedulerState {
 public:
  DdimState(Grid grid, const DdimOptions& options)
      : SchedulerState(std::move(grid), options.prediction), clip_range_(options.clip_range) {}

  std::unique_ptr<SchedulerState> clone() const override {
    return std::make_unique<DdimState>(*this);
  }

 protected:
  at::Tensor advance(const at::Tensor& output, int i, const at::Tensor& sample) override;

 private:
  std::optional<double> clip_range_;
};

}  // namespace zoetrope::diffusion

// UniPC, x0 form, orders 1 to 3: Zhao et al., arXiv 2302.04867; details (the fixed 1/2 of the
// order-2 predictor and the order-1 corrector) as in the authors' code and diffusers'
// UniPCMultistepScheduler. Each network output is used twice: first to correct the sample it was
// asked at, then to predict the next. No extra forward.
#pragma once

#include <array>
#include <variant>

#include "diffusion/scheduler.h"

namespace zoetrope::diffusion {

struct UniPcOptions {
  enum class Form { kBh1, kBh2 };  // B(h) = h or e^h - 1

  Prediction prediction = Prediction::kEpsilon;
  int order = 2;  // 1 to 3
  Form form = Form::kBh2;
  bool lower_order_final = true;
};

class UniPcScheduler : public Scheduler {
 public:
  using Schedule = std::variant<DiscreteSchedule, CosineSchedule, FlowSchedule>;
  // `grid` is not used by a flow schedule.
  UniPcScheduler(Schedule schedule, const GridOptions& grid, const UniPcOptions& options)
      : schedule_(std::move(schedule)), grid_(grid), options_(options) {}

  std::unique_ptr<SchedulerState> begin(int steps, std::optional<double> mu) const override;

 private:
  Schedule schedule_;
  GridOptions grid_;
  UniPcOptions options_;
};

class UniPcState : public SchedulerState {
 public:
  UniPcState(Grid grid, const UniPcOptions& options)
      : SchedulerState(std::move(grid), options.prediction), options_(options) {}

  std::unique_ptr<SchedulerState> clone() const override {
    return std::make_unique<UniPcState>(*this);
  }

 protected:
  at::Tensor advance(const at::Tensor& output, int i, const at::Tensor& sample) override;

 private:
  int order_at(int i) const;
  // The step i from `sample`, at `order`, by the x0 in history_; with `x0_after`, that of its end,
  // the corrected result.
  at::Tensor take_step(int i, int order, const at::Tensor& sample,
                       const at::Tensor& x0_after) const;

  UniPcOptions options_;
  std::array<at::Tensor, 3> history_;  // x0 of the last steps, newest first
  int usable_history_ = 0;             // of them, those at a finite log-SNR
  at::Tensor last_sample_;             // where the last step began, corrected
  int last_order_ = 0;
};

}  // namespace zoetrope::diffusion

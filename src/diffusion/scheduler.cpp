#include "diffusion/scheduler.h"

#include <string>

#include "base/status.h"
#include "tensor/tensor.h"

namespace zoetrope::diffusion {
namespace {

[[noreturn]] void refuse(const std::string& message) {
  throw base::Error(base::StatusCode::kInvalidArgument, message);
}

void check(const at::Tensor& output, const at::Tensor& sample) {
  const auto type = sample.scalar_type();
  if (type != at::kFloat && type != at::kDouble) {
    refuse("a scheduler keeps its sample in fp32, not " + tensor::describe(sample));
  }
  if (output.sizes() != sample.sizes()) {
    refuse("the network gave " + tensor::describe(output) + " for " + tensor::describe(sample));
  }
}

}  // namespace

const GridStep& SchedulerState::at(int i) const {
  if (i < 0 || i >= steps()) {
    refuse("step " + std::to_string(i) + " of a run of " + std::to_string(steps()));
  }
  return grid_[i];
}

at::Tensor SchedulerState::step(const at::Tensor& model_output, int i, const at::Tensor& sample) {
  at(i);
  if (next_ && i != *next_) {
    refuse("step " + std::to_string(i) + " out of order: " + std::to_string(*next_) + " is next");
  }
  check(model_output, sample);
  at::Tensor next = advance(model_output.to(sample.scalar_type()), i, sample);
  next_ = i + 1;
  return next;
}

at::Tensor SchedulerState::predicted_x0(const at::Tensor& model_output, int i,
                                        const at::Tensor& sample) const {
  const GridStep& step = at(i);
  check(model_output, sample);
  return diffusion::predicted_x0(prediction_, model_output.to(sample.scalar_type()), sample,
                                 step.from);
}

}  // namespace zoetrope::diffusion

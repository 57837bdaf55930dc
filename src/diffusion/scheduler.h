// Scheduler: turns a network's outputs into the next, less noisy sample. Implementations: ddim.h,
// dpm_solver.h, unipc.h, flow_euler.h; made from a checkpoint's JSON by scheduler_config.h.
//
// A Scheduler is immutable and may serve any number of requests from any thread. What one request
// needs (its steps and the history of a multistep method) lives in its SchedulerState, which
// belongs to one thread at a time. All of them start from standard normal noise and need no scaling
// of the network's input.
//
//   auto state = scheduler.begin(15);
//   for (int i = 0; i < state->steps(); ++i)
//     z = state->step(network(z, state->timestep(i)), i, z);
//
// Scalars are computed in fp64, tensors in the dtype of the sample: fp32 (fp64 in tests). Work goes
// to the sample's device, nothing synchronises.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>

#include "diffusion/prediction.h"
#include "diffusion/time_grid.h"

namespace zoetrope::diffusion {

class SchedulerState {
 public:
  virtual ~SchedulerState() = default;

  int steps() const { return static_cast<int>(grid_.size()); }
  // What the network is told at step i.
  double timestep(int i) const { return at(i).timestep; }
  const GridStep& at(int i) const;

  // The sample after step i. `model_output`: the (guided) output of the network for `sample`, any
  // floating dtype; `sample`: fp32 or fp64, not changed. Steps must be taken in order; the first
  // may be any (a picture noised only partly starts late). Throws Error(kInvalidArgument)
  // otherwise.
  at::Tensor step(const at::Tensor& model_output, int i, const at::Tensor& sample);

  // The network's present estimate of the finished sample, for previews.
  at::Tensor predicted_x0(const at::Tensor& model_output, int i, const at::Tensor& sample) const;

  // An independent copy that goes on from here. Cheap: tensors of the history are shared, never
  // written to.
  virtual std::unique_ptr<SchedulerState> clone() const = 0;

 protected:
  SchedulerState(Grid grid, Prediction prediction)
      : grid_(std::move(grid)), prediction_(prediction) {}
  SchedulerState(const SchedulerState&) = default;
  SchedulerState& operator=(const SchedulerState&) = delete;

  // `output` has the dtype of `sample`, i is in range and in order.
  virtual at::Tensor advance(const at::Tensor& output, int i, const at::Tensor& sample) = 0;

  const Grid& grid() const { return grid_; }

 private:
  Grid grid_;
  Prediction prediction_;
  std::optional<int> next_;  // the step to come; none before the first
};

class Scheduler {
 public:
  virtual ~Scheduler() = default;

  // A run of `steps` steps (see make_grid for the limits). `mu`: the request's time shift, for flow
  // schedules with dynamic shifting and only for those.
  virtual std::unique_ptr<SchedulerState> begin(int steps, std::optional<double> mu = {}) const = 0;
};

}  // namespace zoetrope::diffusion

// DenoiseSession: one request on its way from noise to latents. It owns all that belongs to the
// request alone: its latents, conditioning and scheduler state; the network is shared.
//
// Advanced by StepRunner::step, by one thread at a time.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/cancel.h"
#include "base/progress.h"
#include "diffusion/block_cache.h"
#include "diffusion/guidance.h"
#include "diffusion/scheduler.h"
#include "pipeline/conditioning.h"

namespace zoetrope::pipeline {

class DenoiseSession {
 public:
  // A network and what it is told. Models with several ask them one after the other.
  struct Expert {
    const models::Denoiser* network;  // outlives the session
    Conditioning conditioning;        // one row for each branch of `guidance`, in its order
    diffusion::GuidancePlan guidance;
    double least_timestep = 0;  // it is asked at this timestep and those of more noise
  };
  struct Setup {
    std::vector<Expert> experts;  // in the order of falling noise; the last has least_timestep 0
    std::unique_ptr<diffusion::SchedulerState> schedule;
    at::Tensor noise;    // [f, h, w, c] fp32: what the first step is given, mostly standard normal
    int first_step = 0;  // a picture that is noised only partly starts late
    std::shared_ptr<const diffusion::BlockPlan> block_plan = nullptr;  // null: no block caching
    bool branches_apart = false;                                       // see DenoiseHooks
    bool keep_trajectory = false;  // remember the latents after every step
    base::ProgressSink progress;   // told of every step, under the name "denoise"
    std::function<void(const at::Tensor& x0)>
        preview;  // the estimate after every step; may be empty
    base::CancelToken cancel;
  };
  explicit DenoiseSession(Setup setup);

  bool done() const { return step_ == schedule_->steps(); }
  int step() const { return step_; }
  int steps() const { return schedule_->steps(); }
  int64_t branches() const { return static_cast<int64_t>(expert().guidance.branches().size()); }
  const base::CancelToken& cancel() const { return cancel_; }

  // [f, h, w, c] fp32: noise at first, clean once done().
  const at::Tensor& latents() const { return latents_; }
  const std::vector<at::Tensor>& trajectory() const { return trajectory_; }
  const Conditioning& conditioning() const { return expert().conditioning; }
  // Of the present conditioning: unlike that of any other in the process.
  uint64_t id() const { return id_; }

  // Sessions whose samples and conditioning can stand in one batch.
  bool batches_with(const DenoiseSession& other) const {
    return &network() == &other.network() && latents_.sizes() == other.latents_.sizes();
  }

  // For StepRunner. The network, and what it is told at the present step.
  const models::Denoiser& network() const { return *expert().network; }
  double timestep() const { return schedule_->timestep(step_); }
  // What is kept of the network's blocks between steps; null without block caching.
  diffusion::BlockCache* block_cache() { return block_cache_ ? &*block_cache_ : nullptr; }
  bool caches_blocks() const { return block_cache_.has_value(); }
  bool branches_apart() const { return branches_apart_; }
  // Takes the present step. output [branches, f, h, w, c]: the network's, any floating dtype.
  void advance(const at::Tensor& output);

 private:
  const Expert& expert() const { return experts_[expert_]; }
  void choose_expert();  // for the present step

  uint64_t id_;
  std::vector<Expert> experts_;
  size_t expert_ = 0;
  std::unique_ptr<diffusion::SchedulerState> schedule_;
  std::optional<diffusion::BlockCache> block_cache_;
  at::Tensor latents_;
  bool branches_apart_;
  bool keep_trajectory_;
  std::vector<at::Tensor> trajectory_;
  base::ProgressSink progress_;
  std::function<void(const at::Tensor&)> preview_;
  base::CancelToken cancel_;
  int step_;
};

}  // namespace zoetrope::pipeline

#include "pipeline/denoise_session.h"

#include <ATen/ATen.h>

#include <atomic>

#include "base/status.h"

namespace zoetrope::pipeline {
namespace {

uint64_t next_id() {
  static std::atomic<uint64_t> last = 0;
  return ++last;
}

}  // namespace

DenoiseSession::DenoiseSession(Setup setup)
    : id_(next_id()),
      experts_(std::move(setup.experts)),
      schedule_(std::move(setup.schedule)),
      latents_(std::move(setup.noise)),
      branches_apart_(setup.branches_apart),
      keep_trajectory_(setup.keep_trajectory),
      progress_(std::move(setup.progress)),
      preview_(std::move(setup.preview)),
      cancel_(std::move(setup.cancel)),
      step_(setup.first_step) {
  base::require(latents_.dim() == 4 && latents_.scalar_type() == at::kFloat,
                "a session starts from fp32 noise [f, h, w, c]");
  base::require(!experts_.empty() && experts_.back().least_timestep == 0,
                "a session needs a network for every timestep");
  for (const Expert& one : experts_) {
    base::require(one.conditioning.rows.front().size(0) ==
                      static_cast<int64_t>(one.guidance.branches().size()),
                  "a session needs one row of conditioning for each branch");
  }
  if (setup.block_plan != nullptr && setup.block_plan->schedule.caches()) {
    base::require(setup.block_plan->schedule.steps() == steps(),
                  "a session's block schedule has another number of steps");
    block_cache_.emplace(std::move(setup.block_plan));
  }
  base::report(progress_, "denoise", step_, steps());
  choose_expert();
}

void DenoiseSession::choose_expert() {
  const size_t before = expert_;
  while (!done() && timestep() < expert().least_timestep) ++expert_;
  if (expert_ != before) id_ = next_id();
}

void DenoiseSession::advance(const at::Tensor& output) {
  const at::Tensor guided = expert().guidance.combine(output).squeeze(0);
  if (preview_) preview_(schedule_->predicted_x0(guided, step_, latents_));
  latents_ = schedule_->step(guided, step_, latents_);
  ++step_;
  if (keep_trajectory_) trajectory_.push_back(latents_);
  base::report(progress_, "denoise", step_, steps());
  choose_expert();
}

}  // namespace zoetrope::pipeline

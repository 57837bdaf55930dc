#include "diffusion/block_cache.h"

#include <ATen/ATen.h>

#include "base/status.h"

namespace zoetrope::diffusion {

BlockCache::BlockCache(std::shared_ptr<const BlockPlan> plan)
    : plan_(std::move(plan)), kept_(plan_->schedule.blocks()) {}

void BlockCache::begin_step(int step) {
  base::require(step == step_ + 1 && step < plan_->schedule.steps(),
                "block cache: steps must be taken in order");
  step_ = step;
}

at::Tensor BlockCache::run(int64_t index, const at::Tensor& x, const Block& block) {
  at::Tensor& kept = kept_.at(index);
  if (plan_->schedule.runs(step_, index)) {
    at::Tensor y = block(x);
    if (plan_->schedule.reused_next(step_, index)) kept = y - x;
    return y;
  }
  base::require(kept.defined(), "block cache: nothing kept of a block that is to be reused");
  if (plan_->corrections.empty()) return x + kept;
  const BlockCorrection& correction = plan_->corrections.at(index);
  const at::Tensor scale = correction.scale.select(0, step_);
  const at::Tensor shift = correction.shift.select(0, step_);
  return x + at::addcmul(shift, scale, kept).to(x.scalar_type());
}

void BlockCache::end_step() {
  for (size_t i = 0; i < kept_.size(); ++i) {
    if (!plan_->schedule.reused_next(step_, static_cast<int64_t>(i))) kept_[i].reset();
  }
}

std::vector<int> BlockCache::pattern() const {
  // Corrections differ from step to step, so there no two steps are alike.
  std::vector<int> pattern = {plan_->corrections.empty() ? 0 : step_ + 1};
  for (int64_t i = 0; i < static_cast<int64_t>(kept_.size()); ++i) {
    const bool keeps = plan_->schedule.reused_next(step_, i);
    pattern.push_back(plan_->schedule.runs(step_, i) ? (keeps ? 1 : 0) : 2);
  }
  return pattern;
}

std::vector<at::Tensor> BlockCache::read_now() const {
  std::vector<at::Tensor> read;
  for (size_t i = 0; i < kept_.size(); ++i) {
    if (!plan_->schedule.runs(step_, static_cast<int64_t>(i))) read.push_back(kept_[i]);
  }
  return read;
}

std::unique_ptr<BlockCache> BlockCache::clone() const {
  auto copy = std::make_unique<BlockCache>(*this);
  for (at::Tensor& kept : copy->kept_) {
    if (kept.defined()) kept = kept.clone();
  }
  return copy;
}

void BlockCache::keep_from(const BlockCache& other) {
  for (size_t i = 0; i < kept_.size(); ++i) {
    const auto block = static_cast<int64_t>(i);
    const bool ran = plan_->schedule.runs(step_, block);
    if (ran && plan_->schedule.reused_next(step_, block)) kept_[i] = other.kept_[i].clone();
  }
}

int64_t BlockCache::kept_bytes() const {
  int64_t bytes = 0;
  for (const at::Tensor& kept : kept_) {
    if (kept.defined()) bytes += static_cast<int64_t>(kept.nbytes());
  }
  return bytes;
}

}  // namespace zoetrope::diffusion

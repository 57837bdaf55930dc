// CancelToken: one bit shared between whoever may stop a piece of work and the work itself.
// Copyable, thread-safe, and safe to set from a signal handler (a lock-free atomic store).
#pragma once

#include <atomic>
#include <memory>

#include "base/status.h"

namespace zoetrope::base {

class CancelToken {
 public:
  void cancel() const noexcept { flag_->store(true, std::memory_order_relaxed); }
  bool cancelled() const noexcept { return flag_->load(std::memory_order_relaxed); }
  // Throws Error(kCancelled) once cancelled. Compute calls it between steps.
  void check() const {
    if (cancelled()) throw Error(StatusCode::kCancelled, "cancelled");
  }

 private:
  static_assert(std::atomic<bool>::is_always_lock_free);
  std::shared_ptr<std::atomic<bool>> flag_ = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace zoetrope::base

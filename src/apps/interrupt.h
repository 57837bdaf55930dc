// Ctrl-C and SIGTERM as a cancel: the first signal sets the token, so that work stops within one
// step and cleans up after itself; a second one ends the process at once.
#pragma once

#include "base/cancel.h"

namespace zoetrope::apps {

// One at a time in a process. Restores the previous handlers at the end of its life.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  const base::CancelToken& token() const { return token_; }

 private:
  base::CancelToken token_;
};

}  // namespace zoetrope::apps

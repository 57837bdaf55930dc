// The attempt at a job that runs now: its cancel token, why it was stopped, where it stands. Shared
// between the thread that runs it and those that watch over it. Any thread may call.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

#include "base/cancel.h"
#include "engine/api/job.h"

namespace zoetrope::engine::jobs {

enum class StopReason {
  kNone,
  kClient,     // somebody asked for a cancel
  kDeadline,   // its time is over
  kShutdown,   // this server leaves; the job waits for the next
  kLeaseLost,  // another server has it
};

class RunningJob {
 public:
  using Clock = std::chrono::steady_clock;

  explicit RunningJob(Job job) : job_(std::move(job)) {}

  const Job& job() const { return job_; }  // as it was claimed
  const base::CancelToken& cancel() const { return cancel_; }

  // The first reason counts.
  void stop(StopReason why) {
    auto none = StopReason::kNone;
    why_.compare_exchange_strong(none, why);
    cancel_.cancel();
  }
  StopReason why() const { return why_; }

  struct Where {
    std::string stage;
    int64_t step = 0;
    int64_t of = 0;
    Clock::time_point since;  // when the last progress was made
  };
  void progress(std::string_view stage, int64_t step, int64_t of) {
    const std::lock_guard lock(mutex_);
    where_ = {std::string(stage), step, of, Clock::now()};
  }
  Where where() const {
    const std::lock_guard lock(mutex_);
    return where_;
  }

 private:
  const Job job_;
  base::CancelToken cancel_;
  std::atomic<StopReason> why_ = StopReason::kNone;
  mutable std::mutex mutex_;
  Where where_{"", 0, 0, Clock::now()};
};

}  // namespace zoetrope::engine::jobs

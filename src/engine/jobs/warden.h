// The thread that keeps time: renews the lease of what runs, notices deadlines, stalls and cancels
// that came through another server, lets results expire, clears folders nobody owns, and tells
// watchers of jobs that run elsewhere. Any thread may ask stalled().
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "engine/jobs/context.h"
#include "engine/jobs/executor.h"

namespace zoetrope::engine::jobs {

class Warden {
 public:
  Warden(Context& context, Executor& executor);
  ~Warden();
  Warden(const Warden&) = delete;
  Warden& operator=(const Warden&) = delete;

  // What runs has made no progress for longer than options.stall.
  bool stalled() const { return stalled_; }

 private:
  using Clock = std::chrono::steady_clock;

  // Something that is done every so often, at once the first time.
  struct Rhythm {
    std::chrono::milliseconds period;
    Clock::time_point next{};
    bool due();
  };

  void work();
  void mind(RunningJob& running);
  void keep_lease(RunningJob& running);
  void look_elsewhere();
  void check_places(const std::string& running);
  void check_watched(const std::string& running);
  void expire();
  void sweep();

  Context& context_;
  Executor& executor_;
  std::atomic<bool> stalled_ = false;

  // Of the thread.
  Rhythm lease_, look_, poll_, expiry_, sweeping_;
  std::string leased_;                    // the job and attempt that `lease_` was begun for
  std::map<std::string, JobState> seen_;  // of watched jobs that do not run here

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace zoetrope::engine::jobs

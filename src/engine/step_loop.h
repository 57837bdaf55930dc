// StepLoop: the thread that owns the device while requests denoise. At every step boundary it takes
// in waiting sessions whose shapes agree, up to max_batch, and lets finished and cancelled ones go,
// so requests that come at different times share steps.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <future>
#include <limits>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "pipeline/denoise_session.h"
#include "pipeline/model.h"
#include "pipeline/step_runner.h"

namespace zoetrope::engine {

class StepLoop {
 public:
  // `model` must outlive the loop.
  StepLoop(const pipeline::Model& model, int max_batch, pipeline::Launch launch);
  // Ends what is running with kCancelled.
  ~StepLoop();

  // Steps the sessions to their end, with whatever else is there; up to max_batch of them share
  // their steps from the first. Blocks; any thread may call it. Throws Error(kCancelled) within one
  // step of a cancel, kResourceExhausted when too many wait, and whatever a step throws.
  void run(std::span<pipeline::DenoiseSession* const> sessions);

  // See NetworkRunner; from the next step on. Any thread may call it.
  void limit_other_recordings(int64_t bytes) { others_bytes_ = bytes; }

 private:
  // Shared with the waiting caller, so that neither side can pull the promise from under the other.
  struct Job {
    pipeline::DenoiseSession* session;
    std::promise<void> finished;
  };
  using Jobs = std::vector<std::shared_ptr<Job>>;

  void work();
  void admit();  // into active_; mutex_ is held
  void drop_cancelled();
  void step();
  static void fail(Job& job, std::exception_ptr why) { job.finished.set_exception(std::move(why)); }

  const int max_batch_;
  const at::Device device_;
  std::atomic<int64_t> others_bytes_ = std::numeric_limits<int64_t>::max();
  Jobs active_;                  // of the loop's thread
  pipeline::StepRunner runner_;  // likewise

  std::mutex mutex_;  // guards the rest
  std::condition_variable wake_;
  std::deque<std::shared_ptr<Job>> waiting_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace zoetrope::engine

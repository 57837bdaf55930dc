#include "engine/step_loop.h"

#include <ATen/ATen.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/GradMode.h>

#include <algorithm>

#include "base/status.h"

namespace zoetrope::engine {
namespace {

constexpr size_t kMaxWaiting = 64;

std::exception_ptr cancelled() {
  return std::make_exception_ptr(base::Error(base::StatusCode::kCancelled, "cancelled"));
}

}  // namespace

StepLoop::StepLoop(const pipeline::Model& model, int max_batch, pipeline::Launch launch)
    : max_batch_(max_batch),
      device_(model.device()),
      runner_(model.dtype(), model.device(), pipeline::default_batching(model.device()), launch,
              model.traits().attention),
      thread_([this] { work(); }) {}

StepLoop::~StepLoop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void StepLoop::run(std::span<pipeline::DenoiseSession* const> sessions) {
  std::vector<std::future<void>> finished;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) std::rethrow_exception(cancelled());
    if (waiting_.size() + sessions.size() > kMaxWaiting) {
      throw base::Error(base::resource_exhausted("too many requests are waiting"));
    }
    for (pipeline::DenoiseSession* session : sessions) {
      waiting_.push_back(std::make_shared<Job>(Job{session, {}}));
      finished.push_back(waiting_.back()->finished.get_future());
    }
  }
  wake_.notify_all();
  // The caller may let go of the sessions only when the loop has let go of all of them.
  for (const std::future<void>& one : finished) one.wait();
  for (std::future<void>& one : finished) one.get();
}

void StepLoop::work() {
  const c10::NoGradGuard no_gradients;
  const c10::DeviceGuard on_device(device_);
  while (true) {
    {
      std::unique_lock lock(mutex_);
      if (active_.empty()) wake_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
      if (stopping_) {
        for (const auto& job : active_) fail(*job, cancelled());
        for (const auto& job : waiting_) fail(*job, cancelled());
        return;
      }
      admit();
    }
    drop_cancelled();
    if (!active_.empty()) step();
  }
}

// In order of arrival: a session of another shape is not overtaken, so it waits until the present
// ones are done and never longer.
void StepLoop::admit() {
  while (!waiting_.empty() && active_.size() < static_cast<size_t>(max_batch_)) {
    const std::shared_ptr<Job>& next = waiting_.front();
    if (!active_.empty() && !next->session->batches_with(*active_.front()->session)) break;
    active_.push_back(next);
    waiting_.pop_front();
  }
}

void StepLoop::drop_cancelled() {
  std::erase_if(active_, [](const std::shared_ptr<Job>& job) {
    if (!job->session->cancel().cancelled()) return false;
    fail(*job, cancelled());
    return true;
  });
}

void StepLoop::step() {
  std::vector<pipeline::DenoiseSession*> sessions;
  for (const auto& job : active_) sessions.push_back(job->session);
  try {
    runner_.limit_other_recordings(others_bytes_);
    runner_.step(sessions);
  } catch (...) {
    // The sessions' states may be half advanced: none of them can go on.
    for (const auto& job : active_) fail(*job, std::current_exception());
    active_.clear();
    return;
  }
  std::erase_if(active_, [](const std::shared_ptr<Job>& job) {
    if (!job->session->done()) return false;
    job->finished.set_value();
    return true;
  });
}

}  // namespace zoetrope::engine

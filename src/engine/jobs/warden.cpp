#include "engine/jobs/warden.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"

namespace zoetrope::engine::jobs {
namespace {

using base::StatusCode;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kTick(100);
constexpr milliseconds kPoll(1000);
constexpr milliseconds kSweep = std::chrono::hours(1);
// A folder is made before its job is in the store: a young one may be on its way.
constexpr int64_t kOrphanAgeMs = 10 * 60 * 1000;

bool gone(const base::Status& status) {
  return status.code() == StatusCode::kAborted || status.code() == StatusCode::kNotFound;
}

}  // namespace

bool Warden::Rhythm::due() {
  const auto now = Clock::now();
  if (now < next) return false;
  next = now + period;
  return true;
}

Warden::Warden(Context& context, Executor& executor)
    : context_(context),
      executor_(executor),
      lease_{milliseconds(context.options.lease) / 3},
      look_{kPoll},
      poll_{kPoll},
      expiry_{std::clamp<milliseconds>(milliseconds(context.options.keep_results) / 4, seconds(1),
                                       seconds(60))},
      sweeping_{kSweep},
      thread_([this] { work(); }) {}

Warden::~Warden() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void Warden::work() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kTick, [&] { return stopping_; })) {
    lock.unlock();
    const auto running = executor_.running();
    if (running) {
      mind(*running);
    } else {
      stalled_ = false;
    }
    if (poll_.due()) look_elsewhere();
    if (expiry_.due()) expire();
    if (sweeping_.due()) sweep();
    lock.lock();
  }
}

void Warden::mind(RunningJob& running) {
  const Job& job = running.job();
  if (job.deadline_ms > 0 && now_ms() >= job.deadline_ms) running.stop(StopReason::kDeadline);
  const auto still = RunningJob::Clock::now() - running.where().since;
  const bool stalled = still > context_.options.stall;
  if (stalled && !stalled_.exchange(true)) {
    base::log(base::LogLevel::kError, "job stalled",
              {{"job", job.id}, {"stage", running.where().stage}});
  }
  stalled_ = stalled;
  // A server that stands still lets others have its job.
  if (!stalled) keep_lease(running);
}

void Warden::keep_lease(RunningJob& running) {
  const Job& job = running.job();
  const std::string attempt = fmt::format("{}/{}", job.id, job.attempt);
  if (leased_ != attempt) {  // claimed a moment ago, with a fresh lease
    leased_ = attempt;
    lease_.next = Clock::now() + lease_.period;
    look_.next = Clock::now() + look_.period;
  }
  const bool renewing = lease_.due();
  if (!renewing && !look_.due()) return;
  const auto known =
      renewing
          ? context_.store("renew",
                           [&](JobStore& store) {
                             return store.renew(job.id, context_.options.server, job.attempt,
                                                now_ms() + in_ms(context_.options.lease));
                           })
          : context_.store("find", [&](JobStore& store) { return store.find(job.owner, job.id); });
  if (known.ok()) {
    if (known->cancel_requested) running.stop(StopReason::kClient);
  } else if (gone(known.status())) {
    running.stop(StopReason::kLeaseLost);
  } else if (renewing) {
    lease_.next = Clock::now() + look_.period;  // the store is away: try again soon
  }
}

void Warden::look_elsewhere() {
  const auto running = executor_.running();
  const std::string id = running ? running->job().id : "";
  check_places(id);
  check_watched(id);
  context_.metrics.sample_process();
  context_.metrics.occupancy(running ? 1 : 0,
                             std::max(0, context_.admission.size() - (running ? 1 : 0)));
  context_.metrics.ready(!stalled_ && !context_.admission.closed() && !context_.store.failing());
}

// Jobs accepted here that another server runs, or that were cancelled through another one.
void Warden::check_places(const std::string& running) {
  for (const Admission::Place& place : context_.admission.held()) {
    if (place.id == running) continue;
    const auto job =
        context_.store("find", [&](JobStore& store) { return store.find(place.owner, place.id); });
    if (!job.ok()) {
      if (gone(job.status())) context_.admission.leave(place.id);
      continue;
    }
    const bool elsewhere =
        job->state == JobState::kInProgress && job->server != context_.options.server;
    if (elsewhere || is_final(job->state)) context_.admission.leave(place.id);
    if (job->state == JobState::kCancelled) context_.folders.remove(place.id);
  }
}

void Warden::check_watched(const std::string& running) {
  std::map<std::string, JobState> seen;
  for (const Watchers::Watched& watched : context_.watchers.watched()) {
    if (watched.id == running) continue;
    auto job = context_.store(
        "find", [&](JobStore& store) { return store.find(watched.owner, watched.id); });
    if (!job.ok()) {
      if (!gone(job.status())) continue;
      Job forgotten;
      forgotten.id = watched.id;
      forgotten.owner = watched.owner;
      forgotten.state = JobState::kExpired;
      context_.watchers.publish(std::move(forgotten));
      continue;
    }
    seen[watched.id] = job->state;
    const auto before = seen_.find(watched.id);
    const bool changed = before != seen_.end() && before->second != job->state;
    if (changed || is_final(job->state)) context_.watchers.publish(std::move(*job));
  }
  seen_ = std::move(seen);
}

void Warden::expire() {
  const auto expired = context_.store("expire", [&](JobStore& store) {
    // For as long again as they were kept the answer is "expired", then "no such job".
    return store.expire(now_ms(), in_ms(context_.options.keep_results));
  });
  if (!expired.ok()) return;
  for (const std::string& id : *expired) context_.folders.remove(id);
}

// What a crash between two steps left: a folder whose job was never kept, or is forgotten.
void Warden::sweep() {
  for (const JobFolders::Found& found : context_.folders.list()) {
    if (now_ms() - found.made_ms < kOrphanAgeMs) continue;
    const auto job =
        context_.store("find", [&](JobStore& store) { return store.find(found.owner, found.id); });
    if (!job.ok() && job.status().code() != StatusCode::kNotFound) return;
    const bool keeps_files =
        job.ok() && (!is_final(job->state) || job->state == JobState::kCompleted);
    if (keeps_files) continue;
    context_.folders.remove(found.id);
    base::log(base::LogLevel::kInfo, "folder without a job removed", {{"job", found.id}});
  }
}

}  // namespace zoetrope::engine::jobs

#include "engine/jobs/executor.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>

#include "base/log.h"
#include "base/thread_priority.h"
#include "engine/jobs/outcome.h"
#include "media/write_image.h"

namespace zoetrope::engine::jobs {
namespace {

using base::Result;
using base::Status;
using base::StatusCode;
using std::chrono::milliseconds;

// How often the store is asked for work that nobody announced: of other servers, mostly.
constexpr milliseconds kPoll(1000);
constexpr milliseconds kFirstRetry(50);
constexpr milliseconds kLongestRetry(2000);
constexpr milliseconds kEndPatience(500);
constexpr int kPreviewQuality = 80;

JobEvent event_of(const RunningJob& running) {
  const RunningJob::Where at = running.where();
  JobEvent event;
  event.job = running.job();
  event.stage = at.stage;
  event.step = at.step;
  event.of = at.of;
  return event;
}

}  // namespace

Executor::Executor(Context& context)
    : context_(context), thread_([this] {
        base::prefer_throughput();
        work();
      }) {}

Executor::~Executor() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    if (running_) running_->stop(StopReason::kShutdown);
  }
  changed_.notify_all();
  thread_.join();
}

void Executor::wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  changed_.notify_all();
}

std::shared_ptr<RunningJob> Executor::running() const {
  const std::lock_guard lock(mutex_);
  return running_;
}

void Executor::stop_job(const std::string& id, StopReason why) {
  const std::lock_guard lock(mutex_);
  if (running_) {
    if (running_->job().id == id) running_->stop(why);
  } else if (claiming_ && why == StopReason::kClient) {
    early_stops_.insert(id);
  }
}

void Executor::wait_for_end() const {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kEndPatience, [&] { return !ending_; });
}

void Executor::drain(std::chrono::seconds patience) {
  std::unique_lock lock(mutex_);
  draining_ = true;
  const auto idle = [&] { return !running_ && !claiming_; };
  if (changed_.wait_for(lock, patience, idle)) return;
  giving_up_ = true;
  if (running_) running_->stop(StopReason::kShutdown);
  changed_.notify_all();
  changed_.wait(lock, idle);
}

bool Executor::pause(milliseconds duration) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, duration, [&] { return stopping_ || giving_up_; });
}

void Executor::work() {
  milliseconds retry = kFirstRetry;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, kPoll, [&] { return woken_ || stopping_; });
      if (stopping_) return;
      woken_ = false;
    }
    while (run_next()) retry = kFirstRetry;
    if (!context_.store.failing()) continue;
    if (!pause(retry)) continue;  // stopping, or idle after a drain
    retry = std::min(2 * retry, kLongestRetry);
  }
}

bool Executor::run_next() {
  {
    const std::lock_guard lock(mutex_);
    if (draining_ || stopping_) return false;
    claiming_ = true;
  }
  const int64_t now = now_ms();
  const int64_t until = now + in_ms(context_.options.lease);
  auto claimed = context_.store(
      "claim", [&](JobStore& store) { return store.claim(context_.options.server, now, until); });
  if (claimed.ok() && claimed->has_value()) {
    run(std::move(**claimed));
    return true;
  }
  {
    const std::lock_guard lock(mutex_);
    claiming_ = false;
    early_stops_.clear();
  }
  changed_.notify_all();
  return false;
}

// Why a claimed job must not be started.
Status Executor::refusal(const Job& job) const {
  if (job.attempt > context_.options.max_attempts) {
    return base::aborted(fmt::format("the server ended {} times while it ran", job.attempt - 1));
  }
  // The client of a job of this server waits on a connection of this process.
  const bool ours = context_.admission.has(job.id) && job.attempt == 1;
  if (job.attended && !ours && (job.attempt > 1 || job.created_ms < context_.started_ms)) {
    return base::unavailable("the server that its client waited on has ended");
  }
  if (job.deadline_ms > 0 && now_ms() >= job.deadline_ms) {
    return {StatusCode::kDeadlineExceeded, "its time was over before it could start"};
  }
  return {};
}

std::shared_ptr<RunningJob> Executor::begin(Job job) {
  const auto running = std::make_shared<RunningJob>(std::move(job));
  const std::string& id = running->job().id;
  {
    const std::lock_guard lock(mutex_);
    running_ = running;
    claiming_ = false;
    if (early_stops_.count(id) > 0 || running->job().cancel_requested) {
      running->stop(StopReason::kClient);
    }
    early_stops_.clear();
    if (stopping_) running->stop(StopReason::kShutdown);
  }
  context_.watchers.publish(running->job());
  base::log(base::LogLevel::kInfo, "job started",
            {{"job", id}, {"attempt", running->job().attempt}});
  return running;
}

void Executor::run(Job job) {
  const Status refused = refusal(job);
  context_.admission.hold(job.id, job.owner);
  const auto running = begin(std::move(job));
  const int64_t begun_ms = now_ms();
  context_.metrics.occupancy(1, context_.admission.size() - 1);
  context_.metrics.waited(static_cast<double>(begun_ms - running->job().created_ms) / 1e3);

  const Result<JobReport> result = refused.ok() ? attempt(*running) : Result<JobReport>(refused);
  const std::string outcome = end(*running, result);

  context_.metrics.ended(outcome);
  context_.metrics.job_took(static_cast<double>(now_ms() - begun_ms) / 1e3);
  context_.metrics.occupancy(0, std::max(0, context_.admission.size() - 1));
  base::log(base::LogLevel::kInfo, "job ended",
            {{"job", running->job().id},
             {"outcome", outcome},
             {"seconds", static_cast<double>(now_ms() - begun_ms) / 1e3}});
}

// The callbacks run while attempt() waits for the engine, so that `job` is there.
RenderHooks Executor::hooks_of(RunningJob& job) {
  RenderHooks hooks{.progress = nullptr,
                    .preview = nullptr,
                    .wants_preview = nullptr,
                    .stage_done = nullptr,
                    .cancel = job.cancel()};
  hooks.progress = [this, &job, steps = int64_t{0}](const base::Progress& p) mutable {
    if (p.stage == "denoise" && p.step > steps) {
      context_.metrics.step();
      steps = p.step;
    }
    job.progress(p.stage, p.step, p.of);
    context_.watchers.publish(event_of(job));
  };
  hooks.wants_preview = [this, &job] { return context_.watchers.wants_previews(job.job().id); };
  hooks.preview = [this, &job](const media::Image& sheet) {
    auto jpeg = media::encode_image(sheet, media::ImageFormat::kJpeg, kPreviewQuality);
    if (!jpeg.ok()) return;
    JobEvent event = event_of(job);
    event.preview = std::move(*jpeg);
    context_.watchers.publish(std::move(event));
  };
  hooks.stage_done = [this](const StageTime& time) {
    context_.metrics.stage(time.stage, time.seconds);
  };
  return hooks;
}

Result<JobReport> Executor::attempt(RunningJob& running) {
  const Job& job = running.job();
  try {
    Request request = job.what.request;
    ZT_ASSIGN_OR_RETURN(request.picture, context_.folders.read_picture(job.id));
    ZT_ASSIGN_OR_RETURN(JobReport report, render(context_.engine, context_.folders, job,
                                                 std::move(request), hooks_of(running)));
    const double queued = static_cast<double>(job.started_ms - job.created_ms) / 1e3;
    report.timings.push_back({"queued", std::max(0.0, queued)});
    return report;
  } catch (const base::Error& error) {
    return error.status();
  } catch (const std::exception& error) {  // the engine's boundary lets none through; encoders may
    return base::internal_error(error.what());
  }
}

std::string Executor::let_go(const Job& job) {
  // Without a retry that could last: if the store is away now, recovery finds the job later.
  const Status released = context_.store("release", [&](JobStore& store) {
    return store.release(job.id, context_.options.server, job.attempt);
  });
  if (!released.ok()) {
    base::log(base::LogLevel::kWarning, "job not released; its lease runs out or recovery takes it",
              {{"job", job.id}, {"reason", released.message()}});
  }
  return "released";
}

std::string Executor::finish(const Job& job) {
  for (milliseconds retry = kFirstRetry;; retry = std::min(2 * retry, kLongestRetry)) {
    const Status done =
        context_.store("finish", [&](JobStore& store) { return store.finish(job); });
    if (done.ok()) return std::string(to_string(job.state));
    if (done.code() == StatusCode::kAborted || done.code() == StatusCode::kNotFound) return "lost";
    // Its results are there: it would be a pity. Recovery repeats the job if this process ends.
    if (!pause(retry)) return "released";
  }
}

// Ends or lets go of the attempt, and clears away what is of no more use.
std::string Executor::settle(const Job& job, StopReason why) {
  if (why == StopReason::kLeaseLost) return "lost";  // with the folder
  std::string outcome = is_final(job.state) ? finish(job) : let_go(job);
  if (outcome == "completed") context_.folders.remove_picture(job.id);
  if (outcome == "failed" || outcome == "cancelled") context_.folders.remove(job.id);
  return outcome;
}

std::string Executor::end(const RunningJob& running, const Result<JobReport>& result) {
  Job job = running.job();
  const StopReason why = running.why();
  conclude(job, why, result, now_ms(), in_ms(context_.options.keep_results));
  // Whoever reads in the store that the job is done must find its place free already. Who is
  // quicker than the store waits for it (wait_for_end).
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  context_.admission.leave(job.id);
  const std::string outcome = settle(job, why);
  if (outcome == "failed") {
    base::log(base::LogLevel::kWarning, "job failed",
              {{"job", job.id},
               {"code", base::to_string(result.status().code())},
               {"reason", result.status().message()}});
  }
  {
    const std::lock_guard lock(mutex_);
    ending_ = false;
    running_.reset();
  }
  changed_.notify_all();
  if (outcome == "released") job.state = JobState::kQueued;
  if (outcome != "lost") context_.watchers.publish(std::move(job));
  return outcome;
}

}  // namespace zoetrope::engine::jobs

#include "engine/jobs/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "base/log.h"

namespace zoetrope::engine {
namespace jobs {
namespace {

using base::Result;
using base::Status;
using base::StatusCode;

// How long remove() waits for a cancel: several steps of a large model.
constexpr std::chrono::seconds kRemovePatience(10);
constexpr std::chrono::milliseconds kRemovePoll(10);

}  // namespace

Service::Service(std::unique_ptr<Context> context)
    : context_(std::move(context)), executor_(*context_), warden_(*context_, executor_) {}

Result<std::optional<Job>> Service::find_by_key(const std::string& owner, const std::string& key) {
  return context_->store("find_by_key",
                         [&](JobStore& store) { return store.find_by_key(owner, key); });
}

Result<Job> Service::get(const std::string& owner, const std::string& id) {
  return context_->store("find", [&](JobStore& store) { return store.find(owner, id); });
}

Result<JobPage> Service::list(const JobQuery& query) {
  return context_->store("list", [&](JobStore& store) { return store.list(query); });
}

Result<Job> Service::cancel(const std::string& owner, const std::string& id) {
  // What runs here stops even if the store is away: a client that is gone must free the slot.
  const auto running = executor_.running();
  if (running && running->job().id == id && running->job().owner == owner) {
    running->stop(StopReason::kClient);
  }
  auto job =
      context_->store("cancel", [&](JobStore& store) { return store.cancel(owner, id, now_ms()); });
  if (!job.ok()) return job;
  if (job->state == JobState::kInProgress) {
    executor_.stop_job(id, StopReason::kClient);
  } else if (job->state == JobState::kCancelled && context_->admission.has(id)) {
    const bool waited = !running || running->job().id != id;
    if (!waited) return job;  // the executor ends it and tells
    context_->folders.remove(id);
    context_->admission.leave(id);
    context_->metrics.ended("cancelled");
    context_->watchers.publish(*job);
    base::log(base::LogLevel::kInfo, "job cancelled while it waited", {{"job", id}});
  }
  return job;
}

Status Service::remove(const std::string& owner, const std::string& id) {
  auto job = cancel(owner, id);
  const auto until = std::chrono::steady_clock::now() + kRemovePatience;
  while (job.ok() && !is_final(job->state) && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(kRemovePoll);
    job = get(owner, id);
  }
  if (!job.ok()) return job.status();
  if (!is_final(job->state)) return base::unavailable("id: is still being cancelled; try again");
  ZT_RETURN_IF_ERROR(
      context_->store("remove", [&](JobStore& store) { return store.remove(owner, id); }));
  context_->folders.remove(id);
  return {};
}

Result<std::vector<uint8_t>> Service::read(const std::string& owner, const std::string& id,
                                           size_t file) {
  ZT_ASSIGN_OR_RETURN(const Job job, get(owner, id));
  if (job.state == JobState::kExpired) return base::not_found("id: its results have expired");
  if (job.state != JobState::kCompleted || !job.report) {
    return base::failed_precondition(fmt::format("id: is {}, not completed", to_string(job.state)));
  }
  if (file >= job.report->files.size()) {
    return base::not_found(fmt::format("file: there are {}", job.report->files.size()));
  }
  auto bytes = context_->folders.read(id, job.report->files[file].name);
  // It may have expired since it was found.
  if (!bytes.ok() && bytes.status().code() == StatusCode::kNotFound) {
    return base::not_found("id: its results have expired");
  }
  return bytes;
}

Result<std::unique_ptr<JobWatch>> Service::watch(const std::string& owner, const std::string& id,
                                                 const WatchOptions& options,
                                                 std::function<void(const JobEvent&)> callback) {
  auto watch = context_->watchers.add(owner, id, options, std::move(callback));
  ZT_ASSIGN_OR_RETURN(Job job, get(owner, id));
  JobEvent first;
  first.job = std::move(job);
  const auto running = executor_.running();
  if (running && running->job().id == id && !is_final(first.job.state)) {
    const RunningJob::Where where = running->where();
    first.stage = where.stage;
    first.step = where.step;
    first.of = where.of;
  }
  context_->watchers.begin(*watch, std::move(first));
  return watch;
}

ServiceHealth Service::health() const {
  ServiceHealth health;
  health.running = executor_.running() ? 1 : 0;
  health.queued = std::max(0, context_->admission.size() - health.running);
  if (warden_.stalled()) {
    health.live = health.ready = false;
    health.reason =
        fmt::format("engine: no progress for more than {} s", context_->options.stall.count());
  } else if (context_->admission.closed()) {
    health.ready = false;
    health.reason = "draining";
  } else if (context_->store.failing()) {
    health.ready = false;
    health.reason = "store: does not answer";
  }
  return health;
}

void Service::drain(std::chrono::seconds patience) {
  context_->admission.close();
  executor_.drain(patience);
}

}  // namespace jobs

namespace {

base::Status check(const JobServiceOptions& options) {
  const auto need = [](bool good, const char* message) {
    return good ? base::Status() : base::invalid_argument(message);
  };
  ZT_RETURN_IF_ERROR(need(!options.folder.empty(), "folder: must be named"));
  ZT_RETURN_IF_ERROR(need(!options.server.empty(), "server: must have a name"));
  ZT_RETURN_IF_ERROR(need(options.queue >= 0, "queue: must not be negative"));
  ZT_RETURN_IF_ERROR(need(options.keep_results.count() > 0, "keep_results: must be positive"));
  ZT_RETURN_IF_ERROR(need(options.deadline.count() > 0, "deadline: must be positive"));
  ZT_RETURN_IF_ERROR(need(options.stall.count() > 0, "stall: must be positive"));
  ZT_RETURN_IF_ERROR(need(options.lease.count() > 0, "lease: must be positive"));
  return need(options.max_attempts > 0, "max_attempts: must be positive");
}

}  // namespace

base::Result<std::unique_ptr<JobService>> JobService::start(Engine& engine, JobStore& store,
                                                            prometheus::Registry& registry,
                                                            JobServiceOptions options) {
  ZT_RETURN_IF_ERROR(check(options));
  ZT_ASSIGN_OR_RETURN(jobs::JobFolders folders, jobs::JobFolders::open(options.folder));
  ZT_ASSIGN_OR_RETURN(const std::vector<Job> recovered, store.recover(options.server));
  auto context = std::make_unique<jobs::Context>(engine, store, registry, std::move(options),
                                                 std::move(folders));
  for (const Job& job : recovered) {
    context->admission.hold(job.id, job.owner);
    base::log(base::LogLevel::kWarning, "job of an earlier run found",
              {{"job", job.id}, {"attempt", job.attempt}});
  }
  return std::unique_ptr<JobService>(std::make_unique<jobs::Service>(std::move(context)));
}

}  // namespace zoetrope::engine

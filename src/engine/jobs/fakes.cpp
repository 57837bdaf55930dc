#include "engine/jobs/fakes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <thread>

namespace zoetrope::engine::jobs {

namespace fs = std::filesystem;
using base::Result;
using base::Status;
using base::StatusCode;

FakeEngine::FakeEngine() {
  defaults_.pipeline = "Fake";
  defaults_.tasks = {Task::kImageToVideo, Task::kImageToImage};
  defaults_.width = defaults_.height = 32;
  defaults_.num_frames = defaults_.max_frames = 4;
  defaults_.steps = 2;
  defaults_.has_motion = true;
}

MemoryPlan FakeEngine::plan(const ResolvedRequest& request) const {
  MemoryPlan plan;
  plan.peak_bytes = request.width > 1000 ? 2 : 1;
  plan.limit_bytes = 1;
  return plan;
}

void FakeEngine::hold() {
  const std::lock_guard lock(mutex_);
  held_ = true;
}

void FakeEngine::go() {
  {
    const std::lock_guard lock(mutex_);
    held_ = false;
  }
  changed_.notify_all();
}

void FakeEngine::wait_until_busy() {
  std::unique_lock lock(mutex_);
  ASSERT_TRUE(changed_.wait_for(lock, std::chrono::seconds(30), [&] { return busy_ > 0; }));
}

std::vector<uint64_t> FakeEngine::seeds() const {
  const std::lock_guard lock(mutex_);
  return seeds_;
}

media::Image FakeEngine::picture_of(uint64_t seed) const {
  const std::lock_guard lock(mutex_);
  return pictures_.at(seed);
}

Status FakeEngine::wait_for_go(const base::CancelToken& cancel) {
  std::unique_lock lock(mutex_);
  ++busy_;
  changed_.notify_all();
  while (held_ && (deaf || !cancel.cancelled())) {
    changed_.wait_for(lock, std::chrono::milliseconds(2));
  }
  --busy_;
  if (cancel.cancelled() && !deaf) return {StatusCode::kCancelled, "cancelled"};
  return {};
}

Result<ClipResult> FakeEngine::generate(const Request& request, const Watch& watch) {
  {
    const std::lock_guard lock(mutex_);
    seeds_.push_back(request.seed);
    pictures_[request.seed] = request.picture;
  }
  ZT_ASSIGN_OR_RETURN(const ResolvedRequest resolved, resolve(request, defaults_));
  const auto colour = static_cast<uint8_t>(resolved.seed);
  const media::Image frame(resolved.width, resolved.height, {colour, colour, colour});
  for (int step = 0; step <= resolved.steps; ++step) {
    base::report(watch.progress, "denoise", step, resolved.steps);
    if (watch.preview && watch.wants_preview()) watch.preview(frame);
    if (step == 0) ZT_RETURN_IF_ERROR(wait_for_go(watch.cancel));
    if (watch.cancel.cancelled() && !deaf) return Status(StatusCode::kCancelled, "cancelled");
  }
  if (fails) ZT_RETURN_IF_ERROR(fails());
  ++generated_;
  ClipResult clip;
  clip.frames.assign(resolved.frame ? 1 : static_cast<size_t>(resolved.num_frames), frame);
  clip.fps = resolved.fps;
  clip.seed = resolved.seed;
  clip.steps = resolved.steps;
  clip.timings = {{"denoise", 0.5}, {"total", 0.75}};
  clip.peak_memory_bytes = 1000;
  clip.warnings = {"prompt: was cut"};
  return clip;
}

void FakeStore::set_fault(Fault fault) {
  const std::lock_guard lock(mutex_);
  fault_ = std::move(fault);
}

Status FakeStore::asked(const char* call) {
  const std::lock_guard lock(mutex_);
  return fault_ ? fault_(call) : Status();
}

Job* FakeStore::running(const std::string& id, const std::string& server, int attempt) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return nullptr;
  Job& job = found->second;
  const bool runs =
      job.state == JobState::kInProgress && job.server == server && job.attempt == attempt;
  return runs ? &job : nullptr;
}

Result<Job> FakeStore::create(const Job& job, int64_t capacity) {
  ZT_RETURN_IF_ERROR(asked("create"));
  const std::lock_guard lock(mutex_);
  int64_t open = 0;
  for (const auto& [id, known] : jobs_) {
    const bool same_key =
        !job.idempotency_key.empty() && known.idempotency_key == job.idempotency_key;
    if (known.owner == job.owner && same_key) return known;
    const bool counts = known.server == job.server || known.state == JobState::kQueued;
    if (!is_final(known.state) && counts) ++open;
  }
  if (open >= capacity) return base::resource_exhausted("full");
  Job kept = job;
  kept.server.clear();
  return jobs_[job.id] = kept;
}

Result<Job> FakeStore::find(const std::string& owner, const std::string& id) {
  ZT_RETURN_IF_ERROR(asked("find"));
  const std::lock_guard lock(mutex_);
  const auto found = jobs_.find(id);
  if (found == jobs_.end() || found->second.owner != owner) return base::not_found("id: no job");
  return found->second;
}

Result<std::optional<Job>> FakeStore::find_by_key(const std::string& owner,
                                                  const std::string& key) {
  ZT_RETURN_IF_ERROR(asked("find_by_key"));
  const std::lock_guard lock(mutex_);
  for (const auto& [id, job] : jobs_) {
    if (job.owner == owner && job.idempotency_key == key) return std::optional<Job>(job);
  }
  return std::optional<Job>();
}

Result<JobPage> FakeStore::list(const JobQuery& query) {
  ZT_RETURN_IF_ERROR(asked("list"));
  const std::lock_guard lock(mutex_);
  JobPage page;
  for (const auto& [id, job] : jobs_) {
    if (job.owner == query.owner) page.jobs.push_back(job);
  }
  return page;
}

Result<std::optional<Job>> FakeStore::claim(const std::string& server, int64_t now_ms,
                                            int64_t lease_until_ms) {
  ZT_RETURN_IF_ERROR(asked("claim"));
  const std::lock_guard lock(mutex_);
  for (auto& [id, job] : jobs_) {
    const bool left = job.state == JobState::kInProgress && job.lease_until_ms < now_ms;
    if (job.state != JobState::kQueued && !left) continue;
    job.state = JobState::kInProgress;
    job.server = server;
    job.started_ms = now_ms;
    job.lease_until_ms = lease_until_ms;
    ++job.attempt;
    return std::optional<Job>(job);
  }
  return std::optional<Job>();
}

Result<Job> FakeStore::renew(const std::string& id, const std::string& server, int attempt,
                             int64_t lease_until_ms) {
  ZT_RETURN_IF_ERROR(asked("renew"));
  const std::lock_guard lock(mutex_);
  Job* job = running(id, server, attempt);
  if (job == nullptr) return base::aborted("not running");
  job->lease_until_ms = lease_until_ms;
  return *job;
}

Status FakeStore::finish(const Job& done) {
  ZT_RETURN_IF_ERROR(asked("finish"));
  const std::lock_guard lock(mutex_);
  Job* job = running(done.id, done.server, done.attempt);
  if (job == nullptr) return base::aborted("not running");
  job->state = done.state;
  job->finished_ms = done.finished_ms;
  job->expires_ms = done.expires_ms;
  job->report = done.report;
  job->error = done.error;
  if (done.state == JobState::kCompleted) ++completions_;
  return {};
}

Status FakeStore::release(const std::string& id, const std::string& server, int attempt) {
  ZT_RETURN_IF_ERROR(asked("release"));
  const std::lock_guard lock(mutex_);
  Job* job = running(id, server, attempt);
  if (job == nullptr) return base::aborted("not running");
  job->state = JobState::kQueued;
  job->server.clear();
  return {};
}

Result<std::vector<Job>> FakeStore::recover(const std::string& server) {
  ZT_RETURN_IF_ERROR(asked("recover"));
  const std::lock_guard lock(mutex_);
  std::vector<Job> recovered;
  for (auto& [id, job] : jobs_) {
    if (job.state != JobState::kInProgress || job.server != server) continue;
    job.state = JobState::kQueued;
    job.server.clear();
    recovered.push_back(job);
  }
  return recovered;
}

Result<Job> FakeStore::cancel(const std::string& owner, const std::string& id, int64_t now_ms) {
  ZT_RETURN_IF_ERROR(asked("cancel"));
  const std::lock_guard lock(mutex_);
  const auto found = jobs_.find(id);
  if (found == jobs_.end() || found->second.owner != owner) return base::not_found("id: no job");
  Job& job = found->second;
  if (is_final(job.state)) return job;
  job.cancel_requested = true;
  if (job.state == JobState::kQueued) {
    job.state = JobState::kCancelled;
    job.finished_ms = now_ms;
  }
  return job;
}

Result<std::vector<std::string>> FakeStore::expire(int64_t now_ms, int64_t) {
  ZT_RETURN_IF_ERROR(asked("expire"));
  const std::lock_guard lock(mutex_);
  std::vector<std::string> expired;
  for (auto& [id, job] : jobs_) {
    if (!is_final(job.state) || job.state == JobState::kExpired || job.expires_ms > now_ms)
      continue;
    job.state = JobState::kExpired;
    expired.push_back(id);
  }
  return expired;
}

Status FakeStore::remove(const std::string& owner, const std::string& id) {
  ZT_RETURN_IF_ERROR(asked("remove"));
  const std::lock_guard lock(mutex_);
  const auto found = jobs_.find(id);
  if (found == jobs_.end() || found->second.owner != owner) return base::not_found("id: no job");
  if (!is_final(found->second.state)) return base::failed_precondition("id: not final");
  jobs_.erase(found);
  return {};
}

Result<int64_t> FakeStore::count_open() {
  const std::lock_guard lock(mutex_);
  return std::count_if(jobs_.begin(), jobs_.end(),
                       [](const auto& item) { return !is_final(item.second.state); });
}

void FakeStore::change(const std::string& id, const std::function<void(Job&)>& change) {
  const std::lock_guard lock(mutex_);
  change(jobs_.at(id));
}

void Bench::start(const std::function<void(JobServiceOptions&)>& adjust) {
  options.folder = folder.path() / "jobs";
  if (adjust) adjust(options);
  service = JobService::start(engine, store, registry, options).value_or_throw();
}

void Bench::crash() {
  store.set_fault([](const std::string&) { return base::unavailable("the process is dead"); });
  service.reset();
  store.set_fault(nullptr);
}

NewJob Bench::wish(uint64_t seed) const {
  NewJob job;
  job.what.request.picture = media::Image(20, 10, {1, 2, static_cast<uint8_t>(seed)});
  job.what.request.prompt = "a rocket";
  job.what.request.seed = seed;
  job.what.format = OutputFormat::kGif;
  return job;
}

bool Bench::eventually(const std::function<bool()>& condition) const {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (std::chrono::steady_clock::now() < until) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return false;
}

Job Bench::ended(const std::string& id, const std::string& owner) {
  Job job;
  EXPECT_TRUE(eventually([&] {
    auto found = service->get(owner, id);
    if (found.ok()) job = *found;
    return found.ok() && is_final(job.state);
  })) << "the job does not end";
  return job;
}

double Bench::metric(const std::string& name, const std::string& label) const {
  for (const auto& family : registry.Collect()) {
    if (family.name != name) continue;
    for (const auto& one : family.metric) {
      if (!label.empty() && (one.label.empty() || one.label.front().value != label)) continue;
      return one.counter.value + one.gauge.value + static_cast<double>(one.histogram.sample_count);
    }
  }
  return -1;
}

bool Bench::has_folder(const std::string& id) const { return fs::exists(options.folder / id); }

}  // namespace zoetrope::engine::jobs

#include "http/fake_jobs.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace zoetrope::http::testing {

using base::Result;
using base::Status;
using engine::Job;
using engine::JobEvent;
using engine::JobState;

FakeEngine::FakeEngine() {
  using engine::Task;
  defaults_.pipeline = "FakePipeline";
  defaults_.tasks = {Task::kImageToVideo, Task::kImageToImage};
  defaults_.width = defaults_.height = 128;
  defaults_.three_way_guidance = true;
  defaults_.has_motion = true;
  defaults_.student = engine::StudentLimits{.steps = 8,
                                            .least_image_guidance = 1,
                                            .most_image_guidance = 2.5,
                                            .least_text_guidance = 1,
                                            .most_text_guidance = 6};
}

Result<engine::ClipResult> FakeEngine::generate(const engine::Request&, const engine::Watch&) {
  return base::internal_error("the fake makes nothing");
}

class FakeJobs::Watch final : public engine::JobWatch {
 public:
  Watch(FakeJobs& jobs, int number) : jobs_(jobs), number_(number) {}
  ~Watch() override {
    const std::scoped_lock lock(jobs_.mutex_);  // no callback runs outside it
    jobs_.watchers_.erase(number_);
  }

 private:
  FakeJobs& jobs_;
  const int number_;
};

namespace {

JobEvent state_of(const Job& job) {
  JobEvent event;
  event.job = job;
  return event;
}

}  // namespace

void FakeJobs::tell(const JobEvent& event) {
  for (auto& [number, watcher] : watchers_) {
    if (watcher.id != event.job.id) continue;
    JobEvent seen = event;
    if (!watcher.previews) seen.preview.clear();
    watcher.callback(seen);
  }
}

void FakeJobs::progress(const std::string& id, int step, int of, std::vector<uint8_t> preview) {
  const std::scoped_lock lock(mutex_);
  tell({.job = jobs_.at(id),
        .stage = "denoise",
        .step = step,
        .of = of,
        .preview = std::move(preview)});
}

void FakeJobs::end(Job& job, JobState state) {
  job.state = state;
  job.finished_ms = job.started_ms + 1500;
  job.expires_ms = job.finished_ms + 86'400'000;
  if (state == JobState::kCompleted) {
    engine::JobReport report;
    report.width = report.height = 128;
    report.num_frames = 16;
    report.fps = 12;
    report.steps = 8;
    report.timings = {{"denoise", 1.25}, {"decode", 0.25}, {"total", 1.5}, {"queued", 0.5}};
    report.peak_memory_bytes = int64_t{512} << 20;
    job.report = report;
    for (int i = 0; i < job.what.count; ++i) {
      job.report->files.push_back(
          {.name = fmt::format("{}.{}", i, engine::file_extension(job.what.format)),
           .media_type = std::string(engine::media_type(job.what.format)),
           .bytes = static_cast<int64_t>(content.size()),
           .seed = job.what.request.seed + static_cast<uint64_t>(i)});
    }
  }
  tell(state_of(job));
}

void FakeJobs::complete(const std::string& id) {
  const std::scoped_lock lock(mutex_);
  end(jobs_.at(id), JobState::kCompleted);
}

void FakeJobs::fail(const std::string& id, base::StatusCode code, const std::string& message) {
  const std::scoped_lock lock(mutex_);
  jobs_.at(id).error = engine::JobError{.code = code, .message = message};
  end(jobs_.at(id), JobState::kFailed);
}

void FakeJobs::expire(const std::string& id) {
  const std::scoped_lock lock(mutex_);
  end(jobs_.at(id), JobState::kExpired);
}

std::vector<Job> FakeJobs::jobs() const {
  const std::scoped_lock lock(mutex_);
  std::vector<Job> all;
  for (const auto& [id, job] : jobs_) all.push_back(job);
  return all;
}

int FakeJobs::watching() const {
  const std::scoped_lock lock(mutex_);
  return static_cast<int>(watchers_.size());
}

int FakeJobs::submissions() const {
  const std::scoped_lock lock(mutex_);
  return submissions_;
}

int FakeJobs::open_jobs(const std::string* owner) const {
  int open = 0;
  for (const auto& [id, job] : jobs_) {
    if (!engine::is_final(job.state) && (owner == nullptr || job.owner == *owner)) ++open;
  }
  return open;
}

Job* FakeJobs::find(const std::string& owner, const std::string& id) {
  const auto found = jobs_.find(id);
  return found == jobs_.end() || found->second.owner != owner ? nullptr : &found->second;
}

bool FakeJobs::has_room() const {
  const std::scoped_lock lock(mutex_);
  return open_jobs(nullptr) < room;
}

Result<Job> FakeJobs::submit(engine::NewJob asked) {
  ZT_RETURN_IF_ERROR(broken);
  const auto resolved = engine::resolve(asked.what.request, engine_.defaults());
  if (!resolved.ok()) return resolved.status();
  const std::string fingerprint = engine::request_json(asked.what);
  if (!asked.idempotency_key.empty()) {
    ZT_ASSIGN_OR_RETURN(const auto known, find_by_key(asked.owner, asked.idempotency_key));
    if (known && known->fingerprint == fingerprint) return *known;
    if (known) return base::already_exists("idempotency_key: was used for another request");
  }
  const std::scoped_lock lock(mutex_);
  ++submissions_;
  if (open_jobs(nullptr) >= room) return base::resource_exhausted("busy: another job runs");
  if (asked.owner_limit > 0 && open_jobs(&asked.owner) >= asked.owner_limit) {
    return base::resource_exhausted("owner: too many jobs at one time");
  }
  const bool is_video = asked.what.request.task == engine::Task::kImageToVideo;
  Job job;
  job.id = fmt::format("{}_{:06}", is_video ? "video" : "image", ++next_);
  job.owner = asked.owner;
  job.idempotency_key = asked.idempotency_key;
  job.fingerprint = fingerprint;
  job.what = std::move(asked.what);
  job.state = JobState::kInProgress;
  job.attended = asked.attended;
  job.created_ms = job.started_ms = 1'700'000'000'000 + next_;
  job.deadline_ms = asked.deadline ? job.created_ms + asked.deadline->count() : 0;
  Job& kept = jobs_[job.id] = job;
  if (finish_at_once) end(kept, JobState::kCompleted);
  return kept;
}

Result<std::optional<Job>> FakeJobs::find_by_key(const std::string& owner, const std::string& key) {
  const std::scoped_lock lock(mutex_);
  for (const auto& [id, job] : jobs_) {
    if (job.owner == owner && job.idempotency_key == key) return std::optional(job);
  }
  return std::optional<Job>();
}

Result<Job> FakeJobs::get(const std::string& owner, const std::string& id) {
  ZT_RETURN_IF_ERROR(broken);
  const std::scoped_lock lock(mutex_);
  const Job* job = find(owner, id);
  if (job == nullptr) return base::not_found("id: there is no such job");
  return *job;
}

Result<engine::JobPage> FakeJobs::list(const engine::JobQuery& query) {
  ZT_RETURN_IF_ERROR(broken);
  std::vector<Job> mine;
  for (Job& job : jobs()) {
    if (job.owner == query.owner) mine.push_back(std::move(job));
  }
  if (query.newest_first) std::reverse(mine.begin(), mine.end());
  auto from = mine.begin();
  if (!query.after.empty()) {
    from = std::find_if(mine.begin(), mine.end(),
                        [&](const Job& job) { return job.id == query.after; });
    if (from == mine.end()) return base::not_found("after: there is no such job");
    ++from;
  }
  engine::JobPage page;
  for (; from != mine.end(); ++from) {
    if (static_cast<int>(page.jobs.size()) == query.limit) {
      page.has_more = true;
      break;
    }
    page.jobs.push_back(*from);
  }
  return page;
}

Result<Job> FakeJobs::cancel(const std::string& owner, const std::string& id) {
  const std::scoped_lock lock(mutex_);
  Job* job = find(owner, id);
  if (job == nullptr) return base::not_found("id: there is no such job");
  if (!engine::is_final(job->state)) end(*job, JobState::kCancelled);
  return *job;
}

Status FakeJobs::remove(const std::string& owner, const std::string& id) {
  const std::scoped_lock lock(mutex_);
  if (find(owner, id) == nullptr) return base::not_found("id: there is no such job");
  jobs_.erase(id);
  return {};
}

Result<std::vector<uint8_t>> FakeJobs::read(const std::string& owner, const std::string& id,
                                            size_t file) {
  const std::scoped_lock lock(mutex_);
  const Job* job = find(owner, id);
  if (job == nullptr) return base::not_found("id: there is no such job");
  if (job->state == JobState::kExpired) return base::not_found("id: its files have expired");
  if (job->state != JobState::kCompleted) return base::failed_precondition("id: is not completed");
  if (file >= job->report->files.size()) return base::not_found("index: no such file");
  return std::vector<uint8_t>(content.begin(), content.end());
}

Result<std::unique_ptr<engine::JobWatch>> FakeJobs::watch(
    const std::string& owner, const std::string& id, const engine::WatchOptions& options,
    std::function<void(const JobEvent&)> callback) {
  const std::scoped_lock lock(mutex_);
  const Job* job = find(owner, id);
  if (job == nullptr) return base::not_found("id: there is no such job");
  callback(state_of(*job));
  const int number = ++next_;
  watchers_[number] = {.id = id, .previews = options.previews, .callback = std::move(callback)};
  return std::unique_ptr<engine::JobWatch>(std::make_unique<Watch>(*this, number));
}

}  // namespace zoetrope::http::testing

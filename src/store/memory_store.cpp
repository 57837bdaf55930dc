#include "store/memory_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "store/job_row.h"

namespace zoetrope::store {
namespace {

using base::Result;
using base::Status;
using engine::Job;
using engine::JobPage;
using engine::JobQuery;
using engine::JobState;

Status no_such_job(const std::string& id) {
  return base::not_found(fmt::format("id: no job {}", storable(id)));
}

Status not_running(const std::string& id, const std::string& server, int attempt) {
  return base::aborted(
      fmt::format("job {}: attempt {} of {} no longer runs it", id, attempt, server));
}

class MemoryStore final : public engine::JobStore {
 public:
  Result<Job> create(const Job& job, int64_t capacity) override;
  Result<Job> find(const std::string& owner, const std::string& id) override;
  Result<std::optional<Job>> find_by_key(const std::string& owner,
                                         const std::string& idempotency_key) override;
  Result<JobPage> list(const JobQuery& query) override;
  Result<std::optional<Job>> claim(const std::string& server, int64_t now_ms,
                                   int64_t lease_until_ms) override;
  Result<Job> renew(const std::string& id, const std::string& server, int attempt,
                    int64_t lease_until_ms) override;
  Status finish(const Job& job) override;
  Status release(const std::string& id, const std::string& server, int attempt) override;
  Result<std::vector<Job>> recover(const std::string& server) override;
  Result<Job> cancel(const std::string& owner, const std::string& id, int64_t now_ms) override;
  Result<std::vector<std::string>> expire(int64_t now_ms, int64_t keep_ms) override;
  Status remove(const std::string& owner, const std::string& id) override;
  Result<int64_t> count_open() override;

 private:
  using Place = std::pair<int64_t, std::string>;  // created_ms, id: the order of lists

  // All below with mutex_ held. nullptr if there is none.
  Job* locate(const std::string& id);
  Job* locate(const std::string& owner, const std::string& id);
  Job* locate_by_key(const std::string& owner, const std::string& key);
  Job* running(const std::string& id, const std::string& server, int attempt);
  static void wait_again(Job& job);

  std::mutex mutex_;
  std::map<Place, Job> jobs_;
  std::unordered_map<std::string, int64_t> created_ms_;  // by id
};

Job* MemoryStore::locate(const std::string& id) {
  const auto found = created_ms_.find(id);
  return found == created_ms_.end() ? nullptr : &jobs_.at({found->second, id});
}

Job* MemoryStore::locate(const std::string& owner, const std::string& id) {
  Job* job = locate(id);
  return job != nullptr && job->owner == owner ? job : nullptr;
}

Job* MemoryStore::locate_by_key(const std::string& owner, const std::string& key) {
  if (key.empty()) return nullptr;
  const auto found = std::find_if(jobs_.begin(), jobs_.end(), [&](const auto& entry) {
    return entry.second.owner == owner && entry.second.idempotency_key == key;
  });
  return found == jobs_.end() ? nullptr : &found->second;
}

Job* MemoryStore::running(const std::string& id, const std::string& server, int attempt) {
  Job* job = locate(id);
  const bool runs = job != nullptr && job->state == JobState::kInProgress &&
                    job->server == server && job->attempt == attempt;
  return runs ? job : nullptr;
}

void MemoryStore::wait_again(Job& job) {
  job.state = JobState::kQueued;
  job.server.clear();
  job.lease_until_ms = 0;
}

Result<Job> MemoryStore::create(const Job& job, int64_t capacity) {
  ZT_RETURN_IF_ERROR(check_storable(job));
  // What a database would give back: without the picture and whatever else is not kept.
  ZT_ASSIGN_OR_RETURN(auto what, engine::parse_request_json(engine::request_json(job.what)));
  const std::lock_guard lock(mutex_);
  if (const Job* there = locate(job.owner, job.id)) return *there;
  if (const Job* there = locate_by_key(job.owner, job.idempotency_key)) return *there;
  const auto open = std::count_if(jobs_.begin(), jobs_.end(), [&](const auto& entry) {
    const Job& other = entry.second;
    return other.state == JobState::kQueued ||
           (other.state == JobState::kInProgress && other.server == job.server);
  });
  if (open >= capacity) {
    return base::resource_exhausted(
        fmt::format("busy: {} of {} places taken", open, std::max<int64_t>(capacity, 0)));
  }
  Job kept = job;
  kept.what = std::move(what);
  kept.server.clear();
  created_ms_[kept.id] = kept.created_ms;
  return jobs_[{kept.created_ms, kept.id}] = std::move(kept);
}

Result<Job> MemoryStore::find(const std::string& owner, const std::string& id) {
  const std::lock_guard lock(mutex_);
  const Job* job = locate(owner, id);
  if (job == nullptr) return no_such_job(id);
  return *job;
}

Result<std::optional<Job>> MemoryStore::find_by_key(const std::string& owner,
                                                    const std::string& idempotency_key) {
  const std::lock_guard lock(mutex_);
  const Job* job = locate_by_key(owner, idempotency_key);
  return job == nullptr ? std::optional<Job>() : std::optional<Job>(*job);
}

Result<JobPage> MemoryStore::list(const JobQuery& query) {
  if (query.limit < 1) return base::invalid_argument("limit: must be at least 1");
  const std::lock_guard lock(mutex_);
  const Job* after = query.after.empty() ? nullptr : locate(query.owner, query.after);
  if (!query.after.empty() && after == nullptr) {
    return no_such_job(query.after).with_context("after");
  }
  JobPage page;
  // False when the page is full.
  const auto take = [&](const Job& job) {
    if (job.owner != query.owner) return true;
    page.has_more = std::ssize(page.jobs) == query.limit;
    if (!page.has_more) page.jobs.push_back(job);
    return !page.has_more;
  };
  if (query.newest_first) {
    auto end = after ? jobs_.find({after->created_ms, after->id}) : jobs_.end();
    while (end != jobs_.begin() && take((--end)->second)) {
    }
  } else {
    auto next = after ? jobs_.upper_bound({after->created_ms, after->id}) : jobs_.begin();
    while (next != jobs_.end() && take(next->second)) ++next;
  }
  return page;
}

Result<std::optional<Job>> MemoryStore::claim(const std::string& server, int64_t now_ms,
                                              int64_t lease_until_ms) {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(jobs_.begin(), jobs_.end(), [&](const auto& entry) {
    const Job& job = entry.second;
    return job.state == JobState::kQueued ||
           (job.state == JobState::kInProgress && job.lease_until_ms < now_ms);
  });
  if (found == jobs_.end()) return std::optional<Job>();
  Job& job = found->second;
  job.state = JobState::kInProgress;
  job.server = server;
  job.started_ms = now_ms;
  job.lease_until_ms = lease_until_ms;
  ++job.attempt;
  return std::optional<Job>(job);
}

Result<Job> MemoryStore::renew(const std::string& id, const std::string& server, int attempt,
                               int64_t lease_until_ms) {
  const std::lock_guard lock(mutex_);
  Job* job = running(id, server, attempt);
  if (job == nullptr) return not_running(id, server, attempt);
  job->lease_until_ms = lease_until_ms;
  return *job;
}

Status MemoryStore::finish(const Job& done) {
  if (!is_final(done.state)) return base::invalid_argument("state: must be final");
  const std::lock_guard lock(mutex_);
  if (Job* job = running(done.id, done.server, done.attempt)) {
    job->state = done.state;
    job->finished_ms = done.finished_ms;
    job->expires_ms = done.expires_ms;
    job->report = done.report;
    job->error = done.error;
    if (job->error) job->error->message = storable(job->error->message);
    job->lease_until_ms = 0;
    return {};
  }
  const Job* job = locate(done.id);
  const bool same = job != nullptr && job->server == done.server && job->attempt == done.attempt &&
                    job->state == done.state && job->finished_ms == done.finished_ms;
  return same ? Status() : not_running(done.id, done.server, done.attempt);
}

Status MemoryStore::release(const std::string& id, const std::string& server, int attempt) {
  const std::lock_guard lock(mutex_);
  Job* job = running(id, server, attempt);
  if (job == nullptr) return not_running(id, server, attempt);
  wait_again(*job);
  return {};
}

Result<std::vector<Job>> MemoryStore::recover(const std::string& server) {
  const std::lock_guard lock(mutex_);
  std::vector<Job> recovered;
  for (auto& [place, job] : jobs_) {
    if (job.state != JobState::kInProgress || job.server != server) continue;
    wait_again(job);
    recovered.push_back(job);
  }
  return recovered;
}

Result<Job> MemoryStore::cancel(const std::string& owner, const std::string& id, int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  Job* job = locate(owner, id);
  if (job == nullptr) return no_such_job(id);
  if (is_final(job->state)) return *job;
  job->cancel_requested = true;
  if (job->state == JobState::kQueued) {
    job->state = JobState::kCancelled;
    job->finished_ms = now_ms;
    if (job->expires_ms == 0) job->expires_ms = now_ms;
  }
  return *job;
}

Result<std::vector<std::string>> MemoryStore::expire(int64_t now_ms, int64_t keep_ms) {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> expired;
  for (auto entry = jobs_.begin(); entry != jobs_.end();) {
    Job& job = entry->second;
    const bool forget = job.state == JobState::kExpired && job.expires_ms <= now_ms - keep_ms;
    const bool turns = is_final(job.state) && job.state != JobState::kExpired &&
                       job.expires_ms != 0 && job.expires_ms <= now_ms;
    if (turns) {
      job.state = JobState::kExpired;
      expired.push_back(job.id);
    }
    if (forget) created_ms_.erase(job.id);
    entry = forget ? jobs_.erase(entry) : std::next(entry);
  }
  return expired;
}

Status MemoryStore::remove(const std::string& owner, const std::string& id) {
  const std::lock_guard lock(mutex_);
  const Job* job = locate(owner, id);
  if (job == nullptr) return no_such_job(id);
  if (!is_final(job->state)) {
    return base::failed_precondition(fmt::format("id: job {} is not final", id));
  }
  jobs_.erase({job->created_ms, id});
  created_ms_.erase(id);
  return {};
}

Result<int64_t> MemoryStore::count_open() {
  const std::lock_guard lock(mutex_);
  return std::count_if(jobs_.begin(), jobs_.end(),
                       [](const auto& entry) { return !is_final(entry.second.state); });
}

}  // namespace

std::unique_ptr<engine::JobStore> make_memory_store() { return std::make_unique<MemoryStore>(); }

}  // namespace zoetrope::store

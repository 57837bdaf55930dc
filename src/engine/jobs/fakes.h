// An engine that only pretends and a store in memory that fails on command: for the tests of this
// folder.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "engine/api/engine.h"
#include "engine/api/job_service.h"
#include "engine/api/job_store.h"
#include "support/temporary_folder.h"

namespace zoetrope::engine::jobs {

// Two steps a clip, of frames of one colour. With hold() it waits at its first step for go().
class FakeEngine final : public Engine {
 public:
  FakeEngine();

  const ModelDefaults& defaults() const override { return defaults_; }
  std::string device() const override { return "fake"; }
  std::string dtype() const override { return "fp32"; }
  MemoryPlan plan(const ResolvedRequest& request) const override;
  base::Result<ClipResult> generate(const Request& request, const Watch& watch) override;

  void hold();
  void go();
  void wait_until_busy();  // a request stands at its first step
  int generated() const { return generated_; }
  std::vector<uint64_t> seeds() const;
  media::Image picture_of(uint64_t seed) const;  // that came last with this seed

  std::atomic<bool> deaf = false;       // to cancels
  std::function<base::Status()> fails;  // asked at the last step; set before any job

 private:
  base::Status wait_for_go(const base::CancelToken& cancel);

  ModelDefaults defaults_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool held_ = false;
  int busy_ = 0;
  std::vector<uint64_t> seeds_;
  std::map<uint64_t, media::Image> pictures_;  // by seed
  std::atomic<int> generated_ = 0;
};

// The rules of engine/api/job_store.h, as plainly as they can be written down.
class FakeStore final : public JobStore {
 public:
  // Asked at each call by its name: anything but ok is what the call returns.
  using Fault = std::function<base::Status(const std::string& call)>;
  void set_fault(Fault fault);

  base::Result<Job> create(const Job& job, int64_t capacity) override;
  base::Result<Job> find(const std::string& owner, const std::string& id) override;
  base::Result<std::optional<Job>> find_by_key(const std::string& owner,
                                               const std::string& key) override;
  base::Result<JobPage> list(const JobQuery& query) override;
  base::Result<std::optional<Job>> claim(const std::string& server, int64_t now_ms,
                                         int64_t lease_until_ms) override;
  base::Result<Job> renew(const std::string& id, const std::string& server, int attempt,
                          int64_t lease_until_ms) override;
  base::Status finish(const Job& job) override;
  base::Status release(const std::string& id, const std::string& server, int attempt) override;
  base::Result<std::vector<Job>> recover(const std::string& server) override;
  base::Result<Job> cancel(const std::string& owner, const std::string& id,
                           int64_t now_ms) override;
  base::Result<std::vector<std::string>> expire(int64_t now_ms, int64_t keep_ms) override;
  base::Status remove(const std::string& owner, const std::string& id) override;
  base::Result<int64_t> count_open() override;

  // Changes a job behind the service's back, as another server would.
  void change(const std::string& id, const std::function<void(Job&)>& change);
  // How often jobs turned completed: what is billed.
  int completions() const { return completions_; }

 private:
  Job* running(const std::string& id, const std::string& server, int attempt);
  base::Status asked(const char* call);

  std::mutex mutex_;
  Fault fault_;
  std::map<std::string, Job> jobs_;  // ids sort as they were made
  std::atomic<int> completions_ = 0;
};

// A service on fakes.
struct Bench {
  Bench() = default;
  void start(const std::function<void(JobServiceOptions&)>& adjust = {});
  void stop() { service.reset(); }
  // Another process with the same name: what ran is as a `kill -9` leaves it.
  void crash();

  NewJob wish(uint64_t seed = 1) const;
  Job submit(NewJob job) { return service->submit(std::move(job)).value_or_throw(); }
  Job submit() { return submit(wish()); }
  // The job in a final state; fails the test after a while.
  Job ended(const std::string& id, const std::string& owner = "");
  bool eventually(const std::function<bool()>& condition) const;
  double metric(const std::string& name, const std::string& label = "") const;
  bool has_folder(const std::string& id) const;

  test_support::TemporaryFolder folder;
  FakeEngine engine;
  FakeStore store;
  prometheus::Registry registry;
  JobServiceOptions options;
  std::unique_ptr<JobService> service;
};

}  // namespace zoetrope::engine::jobs

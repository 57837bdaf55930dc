// A JobService that does what the test says, for the tests of this folder. Any thread.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "engine/api/job_service.h"

namespace zoetrope::http::testing {

class FakeEngine final : public engine::Engine {
 public:
  FakeEngine();
  const engine::ModelDefaults& defaults() const override { return defaults_; }
  std::string device() const override { return "fake"; }
  std::string dtype() const override { return "fp32"; }
  engine::MemoryPlan plan(const engine::ResolvedRequest&) const override { return {}; }
  base::Result<engine::ClipResult> generate(const engine::Request&, const engine::Watch&) override;

  // Instead of the defaults of a model like the bundled one; before the server starts.
  void pretend(engine::ModelDefaults defaults) { defaults_ = std::move(defaults); }

 private:
  engine::ModelDefaults defaults_;
};

class FakeJobs final : public engine::JobService {
 public:
  // What a test sets up before the server starts.
  int room = 1;                 // jobs at a time
  bool finish_at_once = false;  // a submitted job is completed before submit() returns
  std::string content = "the bytes of a result";
  engine::ServiceHealth state;
  base::Status broken;  // what every call that reaches the store answers

  // What the engine would do to a job.
  void progress(const std::string& id, int step, int of, std::vector<uint8_t> preview = {});
  void complete(const std::string& id);
  void fail(const std::string& id, base::StatusCode code, const std::string& message);
  void expire(const std::string& id);

  std::vector<engine::Job> jobs() const;  // in the order of creation, with their pictures
  int watching() const;
  int submissions() const;

  void pretend(engine::ModelDefaults defaults) { engine_.pretend(std::move(defaults)); }
  const engine::Engine& engine() const override { return engine_; }
  bool has_room() const override;
  base::Result<engine::Job> submit(engine::NewJob job) override;
  base::Result<std::optional<engine::Job>> find_by_key(const std::string& owner,
                                                       const std::string& key) override;
  base::Result<engine::Job> get(const std::string& owner, const std::string& id) override;
  base::Result<engine::JobPage> list(const engine::JobQuery& query) override;
  base::Result<engine::Job> cancel(const std::string& owner, const std::string& id) override;
  base::Status remove(const std::string& owner, const std::string& id) override;
  base::Result<std::vector<uint8_t>> read(const std::string& owner, const std::string& id,
                                          size_t file) override;
  base::Result<std::unique_ptr<engine::JobWatch>> watch(
      const std::string& owner, const std::string& id, const engine::WatchOptions& options,
      std::function<void(const engine::JobEvent&)> callback) override;
  engine::ServiceHealth health() const override { return state; }
  void drain(std::chrono::seconds) override {}

 private:
  struct Watcher {
    std::string id;
    bool previews = false;
    std::function<void(const engine::JobEvent&)> callback;
  };
  class Watch;

  int open_jobs(const std::string* owner) const;
  engine::Job* find(const std::string& owner, const std::string& id);
  void end(engine::Job& job, engine::JobState state);
  void tell(const engine::JobEvent& event);

  FakeEngine engine_;
  mutable std::mutex mutex_;
  std::map<std::string, engine::Job> jobs_;
  std::map<int, Watcher> watchers_;
  int next_ = 0;
  int submissions_ = 0;
};

}  // namespace zoetrope::http::testing

// The JobService of one process: the parts of this folder, put together. See
// engine/api/job_service.h.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/api/job_service.h"
#include "engine/jobs/context.h"
#include "engine/jobs/executor.h"
#include "engine/jobs/warden.h"

namespace zoetrope::engine::jobs {

class Service final : public JobService {
 public:
  explicit Service(std::unique_ptr<Context> context);

  const Engine& engine() const override { return context_->engine; }
  bool has_room() const override { return context_->admission.has_room(); }

  base::Result<Job> submit(NewJob job) override;
  base::Result<std::optional<Job>> find_by_key(const std::string& owner,
                                               const std::string& key) override;
  base::Result<Job> get(const std::string& owner, const std::string& id) override;
  base::Result<JobPage> list(const JobQuery& query) override;
  base::Result<Job> cancel(const std::string& owner, const std::string& id) override;
  base::Status remove(const std::string& owner, const std::string& id) override;
  base::Result<std::vector<uint8_t>> read(const std::string& owner, const std::string& id,
                                          size_t file) override;
  base::Result<std::unique_ptr<JobWatch>> watch(
      const std::string& owner, const std::string& id, const WatchOptions& options,
      std::function<void(const JobEvent&)> callback) override;
  ServiceHealth health() const override;
  void drain(std::chrono::seconds patience) override;

 private:
  base::Result<Job> accept(NewJob job);
  base::Result<Job> keep(const NewJob& asked, Job job);
  base::Status enter(const NewJob& asked, const Job& job);

  std::unique_ptr<Context> context_;
  Executor executor_;
  Warden warden_;  // last: watches over the executor
};

}  // namespace zoetrope::engine::jobs

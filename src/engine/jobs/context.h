// What the parts of the JobService share. The service owns it all and outlives its threads.
#pragma once

#include <chrono>
#include <cstdint>
#include <utility>

#include "engine/api/job_service.h"
#include "engine/jobs/admission.h"
#include "engine/jobs/job_folders.h"
#include "engine/jobs/metrics.h"
#include "engine/jobs/store_guard.h"
#include "engine/jobs/watchers.h"

namespace zoetrope::engine::jobs {

inline int64_t now_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

inline int64_t in_ms(std::chrono::milliseconds duration) { return duration.count(); }

struct Context {
  Context(Engine& engine_used, JobStore& jobs, prometheus::Registry& registry,
          JobServiceOptions chosen, JobFolders files)
      : engine(engine_used),
        options(std::move(chosen)),
        folders(std::move(files)),
        metrics(registry),
        store(jobs, metrics),
        admission(1 + options.queue, registry) {}

  Engine& engine;
  const JobServiceOptions options;
  const JobFolders folders;
  Metrics metrics;
  StoreGuard store;
  Admission admission;
  Watchers watchers;
  const int64_t started_ms = now_ms();  // when this service began
};

}  // namespace zoetrope::engine::jobs

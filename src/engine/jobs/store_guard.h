// Calls of the JobStore, counted: a store that fails makes the service unready until a call works
// again, and every failure is a metric and a log line. Any thread may call.
#pragma once

#include <atomic>
#include <string>

#include "base/result.h"
#include "engine/api/job_store.h"
#include "engine/jobs/metrics.h"

namespace zoetrope::engine::jobs {

class StoreGuard {
 public:
  StoreGuard(JobStore& store, Metrics& metrics) : store_(store), metrics_(metrics) {}

  // guard("claim", [&](JobStore& store) { return store.claim(...); })
  template <typename Call>
  auto operator()(const char* name, Call&& call) {
    auto result = call(store_);
    if constexpr (requires { result.status(); }) {
      note(name, result.status());
    } else {
      note(name, result);
    }
    return result;
  }

  bool failing() const { return failing_; }

 private:
  void note(const char* name, const base::Status& status);

  JobStore& store_;
  Metrics& metrics_;
  std::atomic<bool> failing_ = false;
};

}  // namespace zoetrope::engine::jobs

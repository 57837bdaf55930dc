// What the submitting side does after a try: the one tier that resubmits. Back-off goes on from the
// tries a job has had, never past its deadline, and within the budget.
//
// Pure: time and randomness come in. The simulator and the load test run this same function.
#pragma once

#include <chrono>
#include <optional>

#include "traffic/submit/backoff.h"
#include "traffic/submit/job_headers.h"
#include "traffic/submit/retry_budget.h"

namespace zoetrope::traffic::submit {

// How a try ended, as far as resubmitting goes.
enum class TryEnd {
  kDone,         // 2xx, and the body was whole
  kBusy,         // 429: nobody had a slot
  kUnavailable,  // 503, 504, no connection, or a body that broke off
  kRefused,      // any other 4xx: asking again changes nothing
};

TryEnd try_end(int http_status);

// What a resubmission keeps of a job's history. kReset and kImmediate are what careless clients do;
// they ship so that the simulator and the rehearsal can show what it costs.
enum class Memory {
  kKept,       // back-off goes on where it was
  kReset,      // every resubmission backs off as if it were the first
  kImmediate,  // no back-off at all
};

struct SubmitOptions {
  Backoff backoff;
  Memory memory = Memory::kKept;
  int max_tries = 1000;  // a backstop: the deadline is what ends a job
};

enum class Verdict { kDone, kRetry, kRefused, kDeadline, kTries, kBudget };

struct Decision {
  Verdict verdict;
  std::chrono::nanoseconds at{};  // kRetry: when
};

// After a try that ended at `now`. `job.tries` counts that try and whatever tries a gateway made
// for it. `retry_after`: as the answer asked; waited before the back-off, not instead of it, or all
// who were told the same second would come back together. `budget` may be null; `uniform` in [0,
// 1).
Decision after_try(const SubmitOptions& options, const Job& job, TryEnd end,
                   std::chrono::nanoseconds now, double uniform, RetryBudget* budget = nullptr,
                   std::optional<std::chrono::nanoseconds> retry_after = std::nullopt);

}  // namespace zoetrope::traffic::submit

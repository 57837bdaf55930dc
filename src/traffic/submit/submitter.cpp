#include "traffic/submit/submitter.h"

namespace zoetrope::traffic::submit {

using std::chrono::nanoseconds;

TryEnd try_end(int http_status) {
  if (http_status >= 200 && http_status < 300) return TryEnd::kDone;
  if (http_status == 429) return TryEnd::kBusy;
  if (http_status >= 400 && http_status < 500 && http_status != 408) return TryEnd::kRefused;
  return TryEnd::kUnavailable;
}

Decision after_try(const SubmitOptions& options, const Job& job, TryEnd end, nanoseconds now,
                   double uniform, RetryBudget* budget, std::optional<nanoseconds> retry_after) {
  if (end == TryEnd::kDone) return {Verdict::kDone};
  if (end == TryEnd::kRefused) return {Verdict::kRefused};
  if (job.tries >= options.max_tries) return {Verdict::kTries};
  nanoseconds delay{};
  if (options.memory != Memory::kImmediate) {
    delay = wait(options.backoff, options.memory == Memory::kKept ? job.tries : 1, uniform);
    delay += retry_after.value_or(nanoseconds{});
  }
  // Compared as a difference: now + delay may lie past what the clock can hold.
  if (job.deadline <= now || delay >= job.deadline - now) return {Verdict::kDeadline};
  if (budget != nullptr && !budget->try_retry(now)) return {Verdict::kBudget};
  return {Verdict::kRetry, now + delay};
}

}  // namespace zoetrope::traffic::submit

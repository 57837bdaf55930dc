#include "engine/jobs/outcome.h"

namespace zoetrope::engine::jobs {
namespace {

using base::StatusCode;

// Bugs and broken files are told in the log, where their words mean something; the client gets
// nothing of the inside of the server.
bool is_internal(StatusCode code) {
  return code == StatusCode::kInternal || code == StatusCode::kUnknown ||
         code == StatusCode::kDataLoss || code == StatusCode::kPermissionDenied ||
         code == StatusCode::kNotFound;
}

JobError error_for_client(const base::Status& status) {
  if (!is_internal(status.code())) return {status.code(), status.message()};
  return {StatusCode::kInternal, "the server failed while it ran"};
}

}  // namespace

void conclude(Job& job, StopReason why, const base::Result<JobReport>& result, int64_t now_ms,
              int64_t keep_ms) {
  job.finished_ms = now_ms;
  job.expires_ms = now_ms + keep_ms;
  const auto fail = [&](JobError error) {
    job.state = JobState::kFailed;
    job.error = std::move(error);
  };
  if (why == StopReason::kClient) {
    job.state = JobState::kCancelled;  // also if it was done in that very moment
  } else if (result.ok()) {
    job.state = JobState::kCompleted;
    job.report = *result;
  } else if (why == StopReason::kDeadline) {
    fail({StatusCode::kDeadlineExceeded, "its time was over before it was done"});
  } else if (why == StopReason::kShutdown && job.attended) {
    fail({StatusCode::kUnavailable, "the server is stopping"});
  } else if (why == StopReason::kShutdown) {
    job.finished_ms = job.expires_ms = 0;
  } else if (result.status().code() == StatusCode::kCancelled) {
    job.state = JobState::kCancelled;
  } else {
    fail(error_for_client(result.status()));
  }
}

}  // namespace zoetrope::engine::jobs

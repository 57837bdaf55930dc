#include "engine/jobs/store_guard.h"

#include "base/log.h"

namespace zoetrope::engine::jobs {
namespace {

// An answer of a store that works, if not the one that was hoped for.
bool is_answer(base::StatusCode code) {
  using base::StatusCode;
  return code == StatusCode::kOk || code == StatusCode::kNotFound ||
         code == StatusCode::kAlreadyExists || code == StatusCode::kAborted ||
         code == StatusCode::kResourceExhausted || code == StatusCode::kFailedPrecondition ||
         code == StatusCode::kInvalidArgument;
}

}  // namespace

void StoreGuard::note(const char* name, const base::Status& status) {
  const bool failed = !is_answer(status.code());
  if (failed) {
    metrics_.store_failed(name);
    base::log(base::LogLevel::kError, "job store failed",
              {{"call", name}, {"reason", status.message()}});
  }
  if (failing_.exchange(failed) && !failed) {
    base::log(base::LogLevel::kInfo, "job store works again", {{"call", name}});
  }
}

}  // namespace zoetrope::engine::jobs

// Checks what is asked for, before anything is kept of it.
#pragma once

#include "base/result.h"
#include "engine/api/job_service.h"

namespace zoetrope::engine::jobs {

// kInvalidArgument, one line that starts with the field's name; kResourceExhausted: the memory
// plan says it will not fit.
base::Status check(NewJob& job, const Engine& engine);

// The job as it will be kept, queued, without its picture, which stays where it is.
Job make_job(NewJob& job, const JobServiceOptions& options, int64_t now_ms);

}  // namespace zoetrope::engine::jobs

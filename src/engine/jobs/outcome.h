// What a job turns into when its attempt ends.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "engine/api/job.h"
#include "engine/jobs/running_job.h"

namespace zoetrope::engine::jobs {

// Sets state, times, report or error of `job`. It stays in progress if it has to be let go: nobody
// waits on it, and another start may finish it.
void conclude(Job& job, StopReason why, const base::Result<JobReport>& result, int64_t now_ms,
              int64_t keep_ms);

}  // namespace zoetrope::engine::jobs

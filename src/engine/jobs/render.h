// Makes the results of one job: runs the engine once for each, encodes, writes the files.
#pragma once

#include <functional>
#include <string_view>

#include "base/result.h"
#include "engine/api/engine.h"
#include "engine/api/job.h"
#include "engine/jobs/job_folders.h"

namespace zoetrope::engine::jobs {

// Counts as one: with two results of eight steps, denoise goes from 0 to 16.
struct RenderHooks {
  base::ProgressSink progress;
  std::function<void(const media::Image&)> preview;
  std::function<bool()> wants_preview;
  std::function<void(const StageTime&)> stage_done;
  base::CancelToken cancel;
};

// `request` is the job's, with its picture. Files that were written stay where they are after a
// failure: nobody sees them before the job is completed. Errors are the engine's and the folder's.
base::Result<JobReport> render(Engine& engine, const JobFolders& folders, const Job& job,
                               Request request, const RenderHooks& hooks);

}  // namespace zoetrope::engine::jobs

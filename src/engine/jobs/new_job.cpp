#include "engine/jobs/new_job.h"

#include <fmt/format.h>

#include <utility>

#include "engine/jobs/context.h"
#include "engine/jobs/fingerprint.h"
#include "engine/jobs/job_id.h"

namespace zoetrope::engine::jobs {
namespace {

using base::invalid_argument;

constexpr int kMaxCount = 10;  // OpenAI's
constexpr size_t kMaxKeyBytes = 255;

bool makes_video(Task task) { return task == Task::kImageToVideo || task == Task::kTextToVideo; }

bool is_video(OutputFormat format) {
  return format == OutputFormat::kMp4 || format == OutputFormat::kGif ||
         format == OutputFormat::kAnimatedWebp;
}

base::Status check_form(const NewJob& job) {
  const JobRequest& what = job.what;
  if (makes_video(what.request.task) != is_video(what.format)) {
    return invalid_argument(fmt::format("format: {} cannot hold what {} makes",
                                        media_type(what.format), to_string(what.request.task)));
  }
  if (what.compression < 1 || what.compression > 100) {
    return invalid_argument(
        fmt::format("compression: {} is not between 1 and 100", what.compression));
  }
  if (what.count < 1 || what.count > kMaxCount) {
    return invalid_argument(
        fmt::format("count: {} is not between 1 and {}", what.count, kMaxCount));
  }
  if (job.idempotency_key.size() > kMaxKeyBytes) {
    return invalid_argument(
        fmt::format("idempotency_key: has more than {} characters", kMaxKeyBytes));
  }
  if (job.deadline && job.deadline->count() <= 0) {
    return invalid_argument("deadline: must be more than nothing");
  }
  if (!what.request.latents_file.empty() || !what.request.dump_folder.empty()) {
    return invalid_argument("request: names files of the server");
  }
  return {};
}

}  // namespace

base::Status check(NewJob& job, const Engine& engine) {
  ZT_RETURN_IF_ERROR(check_form(job));
  Request& request = job.what.request;
  // Out and in again: a picture may be of many megabytes.
  media::Image picture = std::exchange(request.picture, {});
  Request trial = request;
  trial.picture = std::move(picture);
  auto resolved = resolve(std::move(trial), engine.defaults());
  if (!resolved.ok()) return resolved.status();
  const MemoryPlan plan = engine.plan(*resolved);
  request.picture = std::move(resolved->picture);
  if (plan.fits()) return {};
  return base::resource_exhausted(fmt::format("memory: this needs about {} MiB, {} MiB may be used",
                                              plan.peak_bytes >> 20, plan.limit_bytes >> 20));
}

Job make_job(NewJob& job, const JobServiceOptions& options, int64_t now_ms) {
  Job made;
  made.id = new_job_id(makes_video(job.what.request.task) ? "video" : "image", now_ms);
  made.owner = job.owner;
  made.idempotency_key = job.idempotency_key;
  made.fingerprint = fingerprint(job.what);
  made.server = options.server;  // whose places count
  made.attended = job.attended;
  made.created_ms = now_ms;
  made.deadline_ms = now_ms + in_ms(job.deadline.value_or(options.deadline));
  // For a job that is cancelled while it waits; any other gets its own when it ends.
  made.expires_ms = made.deadline_ms + in_ms(options.keep_results);
  // Out and in again, as above.
  media::Image picture = std::exchange(job.what.request.picture, {});
  made.what = job.what;
  job.what.request.picture = std::move(picture);
  return made;
}

}  // namespace zoetrope::engine::jobs

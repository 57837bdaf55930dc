#include "engine/jobs/render.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <utility>
#include <vector>

#include "media/video.h"
#include "media/write_image.h"

namespace zoetrope::engine::jobs {
namespace {

using base::Result;
using Clock = std::chrono::steady_clock;
using Bytes = std::vector<uint8_t>;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

Result<Bytes> encode(ClipResult& clip, const JobRequest& what, const base::CancelToken& cancel) {
  const auto as_clip = [&](media::VideoFormat format) {
    const media::Clip frames{std::move(clip.frames), static_cast<double>(clip.fps)};
    return media::encode_clip(frames, format, cancel, what.compression);
  };
  const auto as_image = [&](media::ImageFormat format) {
    return media::encode_image(clip.frames.front(), format, what.compression);
  };
  switch (what.format) {
    case OutputFormat::kMp4:
      return as_clip(media::VideoFormat::kMp4);
    case OutputFormat::kGif:
      return as_clip(media::VideoFormat::kGif);
    case OutputFormat::kAnimatedWebp:
      return as_clip(media::VideoFormat::kWebp);
    case OutputFormat::kPng:
      return as_image(media::ImageFormat::kPng);
    case OutputFormat::kJpeg:
      return as_image(media::ImageFormat::kJpeg);
    case OutputFormat::kWebp:
      return as_image(media::ImageFormat::kWebp);
  }
  return base::internal_error("unknown output format");
}

// The report as it grows from result to result.
class Totals {
 public:
  explicit Totals(const RenderHooks& hooks) : hooks_(hooks) {}

  void add(const StageTime& time) {
    const auto same = std::find_if(report_.timings.begin(), report_.timings.end(),
                                   [&](const StageTime& t) { return t.stage == time.stage; });
    if (same == report_.timings.end()) {
      report_.timings.push_back(time);
    } else {
      same->seconds += time.seconds;
    }
    if (hooks_.stage_done) hooks_.stage_done(time);
  }

  void add(const ClipResult& clip) {
    report_.width = clip.frames.front().width;
    report_.height = clip.frames.front().height;
    report_.num_frames = static_cast<int>(clip.frames.size());
    report_.fps = clip.fps;
    report_.steps = clip.steps;
    report_.tier = clip.tier;
    report_.peak_memory_bytes = std::max(report_.peak_memory_bytes, clip.peak_memory_bytes);
    for (const StageTime& time : clip.timings) {
      if (time.stage != "total") add(time);  // the job's own total holds the files too
    }
    for (const std::string& warning : clip.warnings) {
      auto& all = report_.warnings;
      if (std::find(all.begin(), all.end(), warning) == all.end()) all.push_back(warning);
    }
  }

  void add(ResultFile file) { report_.files.push_back(std::move(file)); }
  JobReport take() { return std::move(report_); }

 private:
  const RenderHooks& hooks_;
  JobReport report_;
};

base::Status write_result(const JobFolders& folders, const Job& job, ClipResult clip, int index,
                          const RenderHooks& hooks, Totals& totals) {
  const int count = job.what.count;
  if (clip.frames.empty()) return base::internal_error("the engine returned no frames");
  totals.add(clip);
  base::report(hooks.progress, "encode", index, count);
  const auto begin = Clock::now();
  const uint64_t seed = clip.seed;
  ZT_ASSIGN_OR_RETURN(const Bytes bytes, encode(clip, job.what, hooks.cancel));
  const std::string name = fmt::format("{}.{}", index, file_extension(job.what.format));
  ZT_RETURN_IF_ERROR(folders.write(job.id, name, bytes));
  totals.add(StageTime{"encode", seconds_since(begin)});
  totals.add(ResultFile{.name = name,
                        .media_type = std::string(media_type(job.what.format)),
                        .bytes = static_cast<int64_t>(bytes.size()),
                        .seed = seed});
  base::report(hooks.progress, "encode", index + 1, count);
  return {};
}

}  // namespace

Result<JobReport> render(Engine& engine, const JobFolders& folders, const Job& job, Request request,
                         const RenderHooks& hooks) {
  const auto begin = Clock::now();
  Totals totals(hooks);
  std::vector<uint64_t> seeds(static_cast<size_t>(job.what.count));
  std::iota(seeds.begin(), seeds.end(), request.seed);
  const Watch watch{.progress = hooks.progress,
                    .preview = hooks.preview,
                    .wants_preview = hooks.wants_preview,
                    .cancel = hooks.cancel};
  int index = 0;
  ZT_RETURN_IF_ERROR(engine.generate_each(request, seeds, watch, [&](ClipResult clip) {
    return write_result(folders, job, std::move(clip), index++, hooks, totals);
  }));
  totals.add(StageTime{"total", seconds_since(begin)});
  return totals.take();
}

}  // namespace zoetrope::engine::jobs

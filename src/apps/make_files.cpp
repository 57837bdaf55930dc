#include "apps/make_files.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <chrono>
#include <filesystem>
#include <utility>

#include "apps/exit_code.h"
#include "apps/interrupt.h"
#include "apps/json_output.h"
#include "apps/output_path.h"
#include "apps/process_clock.h"
#include "apps/progress_view.h"
#include "engine/api/job.h"
#include "media/file.h"
#include "media/image.h"
#include "media/video.h"
#include "media/write_image.h"

namespace zoetrope::apps {

void add_result_flags(CLI::App& command, MakeFlags& flags) {
  command.add_option("--seed", flags.seeds, "Starting noise; several seeds give several results")
      ->type_name("N...")
      ->expected(1, 1000)
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command.add_option("--count", flags.count, "Results to make, with seeds that follow each other")
      ->type_name("N")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command
      .add_option("--size", flags.request.size,
                  "Longer side of the result in pixels; what the model makes is enlarged to it "
                  "(default: the model's)")
      ->type_name("PIXELS");
  const auto add = [&](const char* name, bool& target, const char* help) {
    command.add_flag(name, target, help)->group("Output");
  };
  add("--json", flags.json, "Print one JSON object on stdout, everything else on stderr");
  add("-q,--quiet", flags.quiet, "No progress, errors and warnings only");
  add("--preview", flags.preview, "Show the result as it forms, on a terminal with 24-bit colour");
  command
      .add_option("--latents", flags.latents,
                  "Start from the tensor 'noise' [frames, height, width, channels] of this "
                  "safetensors file instead of a seed's noise")
      ->type_name("FILE")
      ->group("Output");
  command
      .add_option("--dump", flags.dump,
                  "Write noise, conditioning and latents into this folder, as safetensors")
      ->type_name("DIR")
      ->group("Output");
}

namespace {

// The flags, checked against each other.
struct Prepared {
  std::vector<uint64_t> seeds;
  OutputPlan output;
  engine::Request request;
};

base::Result<Prepared> prepare(const MakeFlags& flags, const MakeOptions& options) {
  Prepared run;
  run.seeds = flags.seeds;
  if (flags.count > 1) {
    if (flags.seeds.size() > 1) {
      return base::invalid_argument("--count goes with one --seed, not with several");
    }
    for (int i = 1; i < flags.count; ++i) run.seeds.push_back(flags.seeds.front() + i);
  }
  if (run.seeds.size() > 1 && !(flags.latents.empty() && flags.dump.empty())) {
    return base::invalid_argument("--latents and --dump go with one seed");
  }
  ZT_ASSIGN_OR_RETURN(
      run.output, plan_output(flags.out, flags.format, options.stem, options.formats, run.seeds));
  run.request = flags.request;
  run.request.latents_file = flags.latents;
  run.request.dump_folder = flags.dump;
  return run;
}

nlohmann::json describe(const engine::ClipResult& clip, const std::filesystem::path& path) {
  nlohmann::json timings = nlohmann::json::object();
  for (const engine::StageTime& stage : clip.timings) timings[stage.stage] = stage.seconds;
  return {{"path", path.string()},
          {"seed", clip.seed},
          {"steps", clip.steps},
          {"tier", engine::to_string(clip.tier)},
          {"precision", clip.precision},
          {"attention", clip.attention},
          {"frames", clip.frames.size()},
          {"fps", clip.fps},
          {"width", clip.frames.front().width},
          {"height", clip.frames.front().height},
          {"seconds", timings},
          {"peak_memory_bytes", clip.peak_memory_bytes},
          {"reserved_memory_bytes", clip.reserved_memory_bytes},
          {"warnings", clip.warnings}};
}

// Of the whole clip, its file included.
double total_seconds(const engine::ClipResult& clip) {
  double sum = 0;
  for (const engine::StageTime& stage : clip.timings) {
    if (stage.stage == "total" || stage.stage == "write") sum += stage.seconds;
  }
  return sum;
}

// Notes when the first denoising step began, and hands progress on to the view.
struct Watcher {
  ProgressView& view;
  double first_step_seconds = 0;

  void operator()(const base::Progress& progress) {
    if (progress.stage == "denoise" && first_step_seconds == 0) {
      first_step_seconds = seconds_since_process_start();
    }
    view.update(progress);
  }
};

bool makes_picture(engine::Task task) {
  return task == engine::Task::kTextToImage || task == engine::Task::kImageToImage;
}

base::Result<std::vector<uint8_t>> encode(const Prepared& run, engine::ClipResult& clip,
                                          const base::CancelToken& cancel) {
  const std::filesystem::path named_so("x" + run.output.extension);
  if (makes_picture(run.request.task)) {
    ZT_ASSIGN_OR_RETURN(const auto format, media::image_format_for(named_so));
    return media::encode_image(clip.frames.front(), format);
  }
  ZT_ASSIGN_OR_RETURN(const auto format, media::video_format_for(named_so));
  media::Clip frames{std::move(clip.frames), static_cast<double>(clip.fps)};
  auto bytes = media::encode_clip(frames, format, cancel);
  clip.frames = std::move(frames.frames);
  return bytes;
}

base::Result<nlohmann::json> make_clips(engine::Engine& engine, const Prepared& run,
                                        const MakeFlags& flags, ProgressView& view,
                                        const base::CancelToken& cancel) {
  nlohmann::json clips = nlohmann::json::array();
  Watcher watcher{view};
  engine::Watch watch{.progress = [&](const base::Progress& p) { watcher(p); }, .cancel = cancel};
  if (flags.preview && terminal_shows_pictures()) {
    watch.preview = [&](const media::Image& sheet) { view.preview(sheet); };
  }
  const auto write = [&](engine::ClipResult clip) -> base::Status {
    const std::filesystem::path& path = run.output.paths[clips.size()];
    const auto begin = std::chrono::steady_clock::now();
    ZT_ASSIGN_OR_RETURN(const auto bytes, encode(run, clip, cancel));
    ZT_RETURN_IF_ERROR(media::write_file(path, bytes, cancel));
    const std::chrono::duration<double> writing = std::chrono::steady_clock::now() - begin;
    clip.timings.push_back({"write", writing.count()});
    clips.push_back(describe(clip, path));
    view.finish(fmt::format(
        "{}: {}{}x{}, {:.1f} s", path.string(),
        makes_picture(run.request.task) ? std::string()
                                        : fmt::format("{} frames of ", clip.frames.size()),
        clip.frames.front().width, clip.frames.front().height, total_seconds(clip)));
    for (const std::string& warning : clip.warnings) warn(warning);
    return {};
  };
  ZT_RETURN_IF_ERROR(engine.generate_each(run.request, run.seeds, watch, write));
  return nlohmann::json{{"clips", clips},
                        {"device", engine.device()},
                        {"dtype", engine.dtype()},
                        {"first_step_seconds", watcher.first_step_seconds},
                        {"total_seconds", seconds_since_process_start()}};
}

base::Status read_picture(const std::string& path, engine::Request& request) {
  if (path.empty()) return {};
  ZT_ASSIGN_OR_RETURN(auto picture, media::read_image(path));
  if (picture.frames > 1) warn(path + ": is animated; the first frame counts");
  request.picture = std::move(picture.image);
  return {};
}

Output output_of(const MakeFlags& flags) { return flags.json ? Output::kJson : Output::kText; }

}  // namespace

int make_files(const MakeFlags& flags, const MakeOptions& options) {
  const InterruptGuard interrupt;
  const Output output = output_of(flags);
  auto prepared = prepare(flags, options);
  if (!prepared.ok()) return fail_usage(prepared.status(), output);
  auto engine_flags = engine_options(flags.model);
  if (!engine_flags.ok()) return fail_usage(engine_flags.status(), output);

  // From the cheapest check to the dearest: the picture, the output, then the model.
  const base::Status picture = read_picture(flags.picture, prepared->request);
  if (!picture.ok()) return fail(picture, output);
  for (const std::filesystem::path& path : prepared->output.paths) {
    const base::Status writable = check_writable(path);
    if (!writable.ok()) return fail(writable, output);
  }
  if (flags.preview && !terminal_shows_pictures()) {
    warn("--preview needs a terminal that sets COLORTERM=truecolor; it is left out");
  }

  const engine::Request& asked = prepared->request;
  engine_flags->expected = {asked.width, asked.height, asked.num_frames};
  const double opening = seconds_since_process_start();
  auto engine = open_engine(flags.model, *engine_flags);
  const double loading = seconds_since_process_start() - opening;
  if (!engine.ok()) return fail(engine.status(), output);
  prepared->request.task = options.task((*engine)->defaults(), prepared->output.extension);
  if (const auto checked = engine::resolve(prepared->request, (*engine)->defaults());
      !checked.ok()) {
    return fail_usage(checked.status(), output);
  }
  base::Result<nlohmann::json> report = [&] {
    const auto view =
        make_progress_view(flags.quiet ? ProgressStyle::kQuiet : ProgressStyle::kAuto);
    return make_clips(**engine, *prepared, flags, *view, interrupt.token());
  }();
  if (!report.ok()) return fail(report.status(), output);
  if (!flags.json) return kExitFine;
  (*report)["load_seconds"] = loading;
  print_json(*report);
  return kExitFine;
}

}  // namespace zoetrope::apps

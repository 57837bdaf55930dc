// zoetrope animate: one picture and a line of text to a clip.
#include <CLI/CLI.hpp>
#include <chrono>

#include <fmt/format.h>

#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/command.h"
#include "apps/exit_code.h"
#include "apps/flags.h"
#include "apps/interrupt.h"
#include "apps/json_output.h"
#include "apps/output_path.h"
#include "apps/process_clock.h"
#include "apps/progress_view.h"
#include "engine/api/engine.h"
#include "media/file.h"
#include "media/image.h"
#include "media/video.h"

namespace zoetrope::apps {
namespace {

struct Flags {
  std::string picture;
  std::string out;
  std::string format;
  std::vector<uint64_t> seeds = {0};
  int count = 1;
  ModelFlags model;
  engine::Request request;  // all but the picture and the seed
  std::string latents, dump;
  bool json = false, quiet = false, preview = false;

  Output output() const { return json ? Output::kJson : Output::kText; }
};

constexpr const char* kFooter = R"(
Pictures of any size and shape are fitted to the model: shrunk or enlarged, and
padded with their own background colour. Of an animated picture the first frame
counts. The prompt may be empty: then the picture alone decides. Only the first
words of a very long prompt count; a warning says so.

The same picture, prompt, flags and seed give the same clip.

Examples:
  zoetrope animate rocket.png --prompt "a rocket taking off" -o rocket.mp4
  zoetrope animate cat.jpg --prompt "a cat nodding" --motion 0.4 -o cat.gif
  zoetrope animate cat.jpg --prompt "a cat nodding" --seed 1 2 3 -o cat.mp4
      writes cat-1.mp4, cat-2.mp4 and cat-3.mp4
  zoetrope animate cat.jpg --prompt "a cat nodding" --size 512 -o cat.webp

Exit status: 0 fine, 1 failed, 2 wrong usage, 130 interrupted.)";

void add_clip_flags(CLI::App& command, Flags& flags) {
  command.add_option("PICTURE", flags.picture, "PNG, JPEG, WebP or GIF")->required();
  command.add_option("-p,--prompt", flags.request.prompt, "What happens in the clip")
      ->type_name("TEXT");
  command
      .add_option("-o,--out", flags.out,
                  "File to write: .mp4, .gif or .webp (default: the picture's name with .mp4)")
      ->type_name("FILE");
  command.add_option("--format", flags.format, "mp4, gif or webp, whatever the file is called")
      ->type_name("NAME")
      ->check(CLI::IsMember({"mp4", "gif", "webp"}));
  command.add_option("--seed", flags.seeds, "Starting noise; several seeds give several clips")
      ->type_name("N...")
      ->expected(1, 1000)
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command.add_option("--count", flags.count, "Clips to make, with seeds that follow each other")
      ->type_name("N")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command
      .add_option("--size", flags.request.size,
                  "Longer side of the clip in pixels; the model's frames are enlarged to it "
                  "(default: the model's, 128)")
      ->type_name("PIXELS");
  command.add_option("--fps", flags.request.fps, "Frames a second (default: the model's, 12)")
      ->type_name("N");
}

void add_sampling_flags(CLI::App& command, Flags& flags) {
  const auto add = [&](const char* name, auto& target, const char* help, const char* type) {
    command.add_option(name, target, help)->type_name(type)->group("Sampling");
  };
  add_quality_flag(command, flags.request.quality)->group("Sampling");
  add("--steps", flags.request.steps,
      "Denoising steps of quality best: more are slower and livelier (default: the model's, 15)",
      "N");
  add("--motion", flags.request.motion,
      "From 0, nearly still, to 1, lively (default: the model's, 0.45)", "0..1");
  add("--text-guidance", flags.request.text_guidance,
      "How closely to follow the prompt (default: the model's, 3)", "X");
  add("--image-guidance", flags.request.image_guidance,
      "How closely to keep to the picture (default: the model's, 1.5)", "X");
  add("--negative-prompt", flags.request.negative_prompt,
      "What the clip should not look like; quality best alone takes it", "TEXT");
  command
      .add_option("--tier", flags.request.tier,
                  "lossless: all the model says; balanced: faster, reusing what hardly changes "
                  "from step to step (default: lossless)")
      ->type_name("NAME")
      ->transform(CLI::CheckedTransformer(std::map<std::string, engine::Tier>{
          {"lossless", engine::Tier::kLossless}, {"balanced", engine::Tier::kBalanced}}))
      ->group("Sampling");
  add("--frames", flags.request.num_frames, "Frames in the clip (default: the model's, 16)", "N");
}

void add_output_flags(CLI::App& command, Flags& flags) {
  const auto add = [&](const char* name, bool& target, const char* help) {
    command.add_flag(name, target, help)->group("Output");
  };
  add("--json", flags.json, "Print one JSON object on stdout, everything else on stderr");
  add("-q,--quiet", flags.quiet, "No progress, errors and warnings only");
  add("--preview", flags.preview, "Show the clip as it forms, on a terminal with 24-bit colour");
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

// The flags, checked against each other.
struct Prepared {
  std::vector<uint64_t> seeds;
  OutputPlan output;
  engine::Request request;
};

base::Result<Prepared> prepare(const Flags& flags) {
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
  ZT_ASSIGN_OR_RETURN(run.output, plan_output(flags.out, flags.format, flags.picture, run.seeds));
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
          {"tier", clip.tier == engine::Tier::kBalanced ? "balanced" : "lossless"},
          {"frames", clip.frames.size()},
          {"fps", clip.fps},
          {"width", clip.frames.front().width},
          {"height", clip.frames.front().height},
          {"seconds", timings},
          {"peak_memory_bytes", clip.peak_memory_bytes},
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

base::Result<nlohmann::json> make_clips(engine::Engine& engine, Prepared& run, const Flags& flags,
                                        ProgressView& view, const base::CancelToken& cancel) {
  nlohmann::json clips = nlohmann::json::array();
  Watcher watcher{view};
  engine::Watch watch{.progress = [&](const base::Progress& p) { watcher(p); }, .cancel = cancel};
  if (flags.preview && terminal_shows_pictures()) {
    watch.preview = [&](const media::Image& sheet) { view.preview(sheet); };
  }
  for (size_t i = 0; i < run.seeds.size(); ++i) {
    run.request.seed = run.seeds[i];
    ZT_ASSIGN_OR_RETURN(engine::ClipResult clip, engine.generate(run.request, watch));
    const std::filesystem::path& path = run.output.paths[i];
    const auto begin = std::chrono::steady_clock::now();
    media::Clip frames{std::move(clip.frames), static_cast<double>(clip.fps)};
    ZT_ASSIGN_OR_RETURN(const auto bytes, media::encode_clip(frames, run.output.format, cancel));
    ZT_RETURN_IF_ERROR(media::write_file(path, bytes, cancel));
    clip.frames = std::move(frames.frames);
    const std::chrono::duration<double> writing = std::chrono::steady_clock::now() - begin;
    clip.timings.push_back({"write", writing.count()});
    clips.push_back(describe(clip, path));
    view.finish(fmt::format("{}: {} frames of {}x{}, {:.1f} s", path.string(), clip.frames.size(),
                            clip.frames.front().width, clip.frames.front().height,
                            total_seconds(clip)));
    for (const std::string& warning : clip.warnings) warn(warning);
  }
  return nlohmann::json{{"clips", clips},
                        {"device", engine.device()},
                        {"dtype", engine.dtype()},
                        {"first_step_seconds", watcher.first_step_seconds},
                        {"total_seconds", seconds_since_process_start()}};
}

int run(const Flags& flags) {
  const InterruptGuard interrupt;
  auto prepared = prepare(flags);
  if (!prepared.ok()) return fail_usage(prepared.status(), flags.output());
  auto options = engine_options(flags.model);
  if (!options.ok()) return fail_usage(options.status(), flags.output());

  // From the cheapest check to the dearest: the picture, the output, then the model.
  auto picture = media::read_image(flags.picture);
  if (!picture.ok()) return fail(picture.status(), flags.output());
  if (picture->frames > 1) warn(flags.picture + ": is animated; the first frame counts");
  prepared->request.picture = std::move(picture->image);
  for (const std::filesystem::path& path : prepared->output.paths) {
    const base::Status writable = check_writable(path);
    if (!writable.ok()) return fail(writable, flags.output());
  }
  if (flags.preview && !terminal_shows_pictures()) {
    warn("--preview needs a terminal that sets COLORTERM=truecolor; it is left out");
  }

  auto engine = open_engine(flags.model, *options);
  if (!engine.ok()) return fail(engine.status(), flags.output());
  if (const auto checked = engine::resolve(prepared->request, (*engine)->defaults());
      !checked.ok()) {
    return fail_usage(checked.status(), flags.output());
  }
  base::Result<nlohmann::json> report = [&] {
    const auto view =
        make_progress_view(flags.quiet ? ProgressStyle::kQuiet : ProgressStyle::kAuto);
    return make_clips(**engine, *prepared, flags, *view, interrupt.token());
  }();
  if (!report.ok()) return fail(report.status(), flags.output());
  if (flags.json) print_json(*report);
  return kExitFine;
}

}  // namespace

Command add_animate(CLI::App& root) {
  CLI::App* command = root.add_subcommand("animate", "Make a clip from a picture and a text");
  command->footer(kFooter);
  const auto flags = std::make_shared<Flags>();
  add_clip_flags(*command, *flags);
  add_sampling_flags(*command, *flags);
  add_model_flags(*command, flags->model);
  add_output_flags(*command, *flags);
  return {command, [flags] { return run(*flags); }};
}

}  // namespace zoetrope::apps

// zoetrope bench: how long a clip takes on this machine, stage by stage.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <vector>

#include "apps/bench.h"
#include "apps/command.h"
#include "apps/exit_code.h"
#include "apps/flags.h"
#include "apps/interrupt.h"
#include "apps/json_output.h"
#include "apps/progress_view.h"

namespace zoetrope::apps {
namespace {

struct Flags {
  ModelFlags model;
  int runs = 5;
  std::optional<int> steps;
  std::optional<double> text_guidance, image_guidance;
  std::optional<engine::Quality> quality;
  bool json = false;

  Output output() const { return json ? Output::kJson : Output::kText; }
};

// Seconds of each stage, one entry a run.
using Samples = std::map<std::string, std::vector<double>>;

double median(std::vector<double> values) {
  std::ranges::sort(values);
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

// What is drawn does not change the time: a smooth ramp stands for any picture.
media::Image ramp(int side) {
  media::Image image(side, side);
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      uint8_t* pixel = image.at(x, y);
      pixel[0] = static_cast<uint8_t>(255 * x / side);
      pixel[1] = static_cast<uint8_t>(255 * y / side);
    }
  }
  return image;
}

base::Result<Samples> measure(engine::Engine& engine, const Flags& flags,
                              const base::CancelToken& cancel) {
  engine::Request request;
  request.picture = ramp(256);
  request.prompt = "a person waving";
  request.quality = flags.quality;
  request.steps = flags.steps;
  request.text_guidance = flags.text_guidance;
  request.image_guidance = flags.image_guidance;
  Samples samples;
  const auto view = make_progress_view(ProgressStyle::kAuto);
  // The first run fills caches and thread pools; it is not counted.
  for (int run = -1; run < flags.runs; ++run) {
    view->update({"bench", run + 1, flags.runs + 1});
    ZT_ASSIGN_OR_RETURN(const engine::ClipResult clip,
                        engine.generate(request, {.cancel = cancel}));
    if (run < 0) continue;
    for (const engine::StageTime& stage : clip.timings) {
      samples[stage.stage].push_back(stage.seconds);
    }
    samples["steps"].push_back(clip.steps);
    samples["memory"].push_back(static_cast<double>(clip.peak_memory_bytes));
  }
  view->finish("");
  return samples;
}

int run(const Flags& flags) {
  const InterruptGuard interrupt;
  const auto options = engine_options(flags.model);
  if (!options.ok()) return fail_usage(options.status(), flags.output());
  const auto engine = open_engine(flags.model, *options);
  if (!engine.ok()) return fail(engine.status(), flags.output());
  const auto samples = measure(**engine, flags, interrupt.token());
  if (!samples.ok()) return fail(samples.status(), flags.output());

  const int steps = static_cast<int>(samples->at("steps").front());
  nlohmann::json stages = nlohmann::json::object();
  for (const auto& [name, values] : *samples) {
    if (name == "memory" || name == "steps") continue;
    stages[name] = {{"median_seconds", median(values)},
                    {"least_seconds", *std::ranges::min_element(values)},
                    {"most_seconds", *std::ranges::max_element(values)}};
  }
  const double peak = *std::ranges::max_element(samples->at("memory"));
  if (flags.json) {
    print_json({{"device", (*engine)->device()},
                {"dtype", (*engine)->dtype()},
                {"runs", flags.runs},
                {"steps", steps},
                {"stages", stages},
                {"step_seconds", median(samples->at("denoise")) / steps},
                {"peak_memory_bytes", static_cast<int64_t>(peak)}});
    return kExitFine;
  }
  fmt::print("{}, {}, {} steps, median of {} runs (least .. most)\n", (*engine)->device(),
             (*engine)->dtype(), steps, flags.runs);
  for (const auto& [name, stage] : stages.items()) {
    fmt::print("  {:<13} {:8.3f} s  ({:.3f} .. {:.3f})\n", name,
               stage["median_seconds"].get<double>(), stage["least_seconds"].get<double>(),
               stage["most_seconds"].get<double>());
  }
  fmt::print("  {:<13} {:8.3f} s\n", "one step", median(samples->at("denoise")) / steps);
  fmt::print("  {:<13} {:8.0f} MiB\n", "peak memory", peak / (1 << 20));
  return kExitFine;
}

}  // namespace

Command add_bench(CLI::App& root) {
  CLI::App* command = root.add_subcommand("bench", "Measure how long a clip takes here");
  command->footer(
      "\nMakes clips from a built-in picture and shows the time of every stage. With a study "
      "named, "
      "runs that instead.");
  const auto flags = std::make_shared<Flags>();
  command->add_option("--runs", flags->runs, "Clips to make, after one that is not counted")
      ->type_name("N")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_option("--steps", flags->steps, "Denoising steps (default: the model's, 15)")
      ->type_name("N");
  command
      ->add_option("--text-guidance", flags->text_guidance,
                   "As in animate; both 1: one forward a step instead of three")
      ->type_name("X");
  command->add_option("--image-guidance", flags->image_guidance, "As in animate")->type_name("X");
  command->add_flag("--json", flags->json, "Print one JSON object on stdout");
  add_quality_flag(*command, flags->quality);
  add_model_flags(*command, flags->model);
  command->require_subcommand(0, 1);
  const std::vector<Command> studies = {add_bench_ladder(*command), add_bench_solvers(*command),
                                        add_bench_network(*command), add_bench_blocks(*command),
                                        add_bench_model(*command)};
  return {command, [flags, studies] {
            for (const Command& study : studies) {
              if (study.flags->parsed()) return study.run();
            }
            return run(*flags);
          }};
}

}  // namespace zoetrope::apps

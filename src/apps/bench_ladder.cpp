// zoetrope bench ladder: from the naive pipeline to the shipped one, rung by rung.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/bench.h"
#include "bench/ladder.h"
#include "bench/statistics.h"

namespace zoetrope::apps {
namespace {

struct Flags {
  StudyFlags study;
  bench::LadderOptions ladder;
};

constexpr const char* kFooter = R"(
Makes a clip of every picture on every rung; each rung adds one idea to all before
it. The first is fp32, DDIM, three passes a step, and a context repeated for every
frame before its keys and values are projected. Quality is the clip's PSNR to the
first rung's at the same noise: what the short cuts change, not what a person sees.

Times are medians over the pictures. Memory counts weights and live tensors.

Example:
  zoetrope bench ladder examples/owl.png examples/rocket.png -o ladder.json)";

nlohmann::json seconds_json(const std::vector<double>& seconds) {
  return {{"median", bench::median(seconds)},
          {"least", *std::ranges::min_element(seconds)},
          {"most", *std::ranges::max_element(seconds)}};
}

nlohmann::json describe(const bench::RungResult& rung) {
  if (!rung.note.empty()) return {{"name", rung.name}, {"note", rung.note}};
  nlohmann::json json = {{"name", rung.name},
                         {"dtype", rung.dtype},
                         {"solver", rung.solver},
                         {"steps", rung.steps},
                         {"branches", rung.branches},
                         {"passes", rung.passes()},
                         {"denoise_seconds", seconds_json(rung.denoise_seconds)},
                         {"clip_seconds", seconds_json(rung.clip_seconds)},
                         {"peak_memory_bytes", rung.peak_bytes}};
  if (!rung.psnr_db.empty()) {
    const double psnr = bench::mean(rung.psnr_db);
    json["psnr_db"] = std::isfinite(psnr) ? nlohmann::json(psnr) : nlohmann::json("equal");
  }
  return json;
}

void print_table(const std::vector<bench::RungResult>& rungs) {
  fmt::print("{:<42} {:>5} {:>6} {:>10} {:>7} {:>10} {:>8} {:>8}\n", "rung", "type", "passes",
             "denoise s", "faster", "clip s", "MiB", "PSNR dB");
  for (const bench::RungResult& rung : rungs) {
    if (!rung.note.empty()) {
      fmt::print("{:<42} left out: {}\n", rung.name, rung.note);
      continue;
    }
    const double seconds = bench::median(rung.denoise_seconds);
    fmt::print("{:<42} {:>5} {:>6} {:>10.4f} {:>6.1f}x {:>10.4f} {:>8} {:>8}\n", rung.name,
               rung.dtype, rung.passes(), seconds,
               bench::median(rungs.front().denoise_seconds) / seconds,
               bench::median(rung.clip_seconds), rung.peak_bytes >> 20,
               rung.psnr_db.empty() ? "" : fmt::format("{:.1f}", bench::mean(rung.psnr_db)));
  }
}

}  // namespace

Command add_bench_ladder(CLI::App& bench) {
  CLI::App* command = bench.add_subcommand(
      "ladder", "What every idea between the naive pipeline and the shipped one brings");
  command->footer(kFooter);
  const auto flags = std::make_shared<Flags>();
  add_study_flags(*command, flags->study);
  command
      ->add_option("--naive-steps", flags->ladder.naive_steps, "Steps of DDIM on the first rungs")
      ->type_name("N")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command
      ->add_option("--block-threshold", flags->ladder.block_threshold,
                   "Of block caching, see `zoetrope bench blocks`")
      ->type_name("X")
      ->capture_default_str();
  return {command, [flags] {
            return run_study(flags->study, [&](const StudyTarget& target, const auto& progress,
                                               const auto& cancel) {
              bench::LadderOptions options = flags->ladder;
              options.model = target.model;
              options.device = target.device;
              options.low_precision = target.dtype;
              const auto rungs = bench::run_ladder(options, target.questions, progress, cancel);
              print_table(rungs);
              nlohmann::json report = describe_study(target);
              for (const auto& rung : rungs) report["rungs"].push_back(describe(rung));
              write_study(flags->study, report);
            });
          }};
}

}  // namespace zoetrope::apps

// zoetrope bench blocks: measures block caching, and chooses it for a model folder.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/bench.h"
#include "base/status.h"
#include "bench/block_study.h"
#include "pipeline/block_caching.h"

namespace zoetrope::apps {
namespace {

struct Flags {
  StudyFlags study;
  std::vector<double> thresholds = {0.05, 0.1, 0.2, 0.4};
  int fitting = 1;
  std::optional<int> steps;
  std::optional<double> write;
  bool corrected = false;
};

constexpr const char* kFooter = R"(
A block whose contribution hardly changes from one denoising step to the next need not
run at every step. This measures the change of every block on the first pictures, turns
it into a schedule for each threshold (a block runs again once its changes add up to
more), and tries the schedules on the other pictures, with and without a correction of
every channel that was fitted on the first ones.

--write THRESHOLD puts profile and threshold into the model's scheduler/ folder, where
`zoetrope animate --tier balanced` finds them.

Example:
  zoetrope bench blocks examples/*.png --write 0.1)";

void print_table(const bench::BlockStudy& study) {
  fmt::print("{:>9} {:>10} {:>11} {:>10} {:>8} {:>8}\n", "threshold", "corrected", "blocks run",
             "denoise s", "faster", "PSNR dB");
  for (const bench::CachingResult& result : study.results) {
    fmt::print("{:>9.3g} {:>10} {:>10.0f}% {:>10.4f} {:>7.2f}x {:>8.1f}\n", result.threshold,
               result.corrected ? "yes" : "no", 100 * result.share_run, result.seconds,
               study.results.front().seconds / result.seconds, result.psnr_db);
  }
}

nlohmann::json describe(const bench::BlockStudy& study) {
  nlohmann::json results = nlohmann::json::array();
  for (const bench::CachingResult& result : study.results) {
    results.push_back({{"threshold", result.threshold},
                       {"corrected", result.corrected},
                       {"share_run", result.share_run},
                       {"denoise_seconds", result.seconds},
                       {"psnr_db", result.psnr_db}});
  }
  return {{"blocks", study.profile.blocks}, {"change", study.profile.change}, {"results", results}};
}

void run(const Flags& flags, const StudyTarget& target, const base::ProgressSink& progress) {
  const auto count = static_cast<size_t>(flags.fitting);
  if (target.questions.size() <= count) {
    throw base::Error(base::invalid_argument(fmt::format(
        "PICTURES: {} to measure on leave none of {} to try", count, target.questions.size())));
  }
  const auto bench = bench::open_workbench(target.model, target.dtype, target.device);
  const int steps = flags.steps.value_or(bench->defaults.steps);
  std::vector<bench::Scene> scenes;
  scenes.reserve(target.questions.size());
  for (const bench::Question& question : target.questions) {
    scenes.push_back(bench::make_scene(*bench, question, steps, scenes.size()));
  }
  const std::span<const bench::Scene> all(scenes);
  const bench::BlockStudy study =
      bench::study_blocks(*bench, all.first(count), all.subspan(count), flags.thresholds, progress);
  print_table(study);
  nlohmann::json report = describe_study(target);
  report["steps"] = steps;
  report.update(describe(study));
  write_study(flags.study, report);
  if (!flags.write) return;
  pipeline::BlockCaching caching{
      .profile = study.profile, .threshold = *flags.write, .corrections = {}};
  if (flags.corrected) {
    caching.corrections = bench::fit_corrections(
        *bench, all.first(count), diffusion::BlockSchedule(study.profile, *flags.write));
  }
  pipeline::write_block_caching(target.model, caching);
}

}  // namespace

Command add_bench_blocks(CLI::App& bench) {
  CLI::App* command =
      bench.add_subcommand("blocks", "Measure block caching, and choose it for a model");
  command->footer(kFooter);
  const auto flags = std::make_shared<Flags>();
  add_study_flags(*command, flags->study);
  command->add_option("--thresholds", flags->thresholds, "Sums of relative changes to try")
      ->type_name("X...")
      ->capture_default_str();
  command->add_option("--fit", flags->fitting, "Pictures to measure on; the others are for trying")
      ->type_name("N")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_option("--steps", flags->steps, "Denoising steps (default: the model's)")
      ->type_name("N");
  command->add_option("--write", flags->write, "Write the profile with this threshold")
      ->type_name("THRESHOLD");
  command->add_flag("--corrected", flags->corrected, "With --write: the fitted correction too");
  return {command, [flags] {
            return run_study(flags->study, [&](const StudyTarget& target, const auto& progress,
                                               const auto&) { run(*flags, target, progress); });
          }};
}

}  // namespace zoetrope::apps

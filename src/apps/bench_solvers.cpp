// zoetrope bench solvers: the error of sampling with few steps.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/bench.h"
#include "bench/solver_study.h"
#include "media/plot.h"
#include "media/write_image.h"

namespace zoetrope::apps {
namespace {

struct Flags {
  StudyFlags study;
  std::vector<int> steps = {5, 8, 10, 15, 20, 30, 50};
  int converged = 200;
  std::string plot;
};

constexpr const char* kFooter = R"(
Samples every picture with DDIM, DPM-Solver++ 2M and 3M and UniPC, on nodes uniform in
time and in log-SNR, and compares the latents with those of many steps (UniPC). The
model, its guidance and the starting noise are the same throughout; in fp32 rounding
does not blur the picture (--dtype fp32).

Example:
  zoetrope bench solvers examples/owl.png --dtype fp32 --plot solvers.png)";

media::Image draw(const bench::SolverStudy& study) {
  std::vector<media::Series> series;
  for (const bench::SolverCurve& curve : study.curves) {
    series.push_back({.name = curve.solver + ", " + curve.grid,
                      .x = {curve.steps.begin(), curve.steps.end()},
                      .y = curve.error});
  }
  return media::plot(series, {.title = "distance from the converged clip (relative L2 of latents)",
                              .x_label = "steps",
                              .log_y = true,
                              .legend = media::LegendPlace::kBelow});
}

void print_table(const bench::SolverStudy& study) {
  fmt::print("{:<22}", "steps");
  for (const int steps : study.curves.front().steps) fmt::print("{:>9}", steps);
  fmt::print("\n");
  for (const bench::SolverCurve& curve : study.curves) {
    fmt::print("{:<22}", curve.solver + ", " + curve.grid);
    for (const double error : curve.error) fmt::print("{:>9.4f}", error);
    fmt::print("\n");
  }
  fmt::print("converged: UniPC with {} steps; DPM++ 2M with as many is {:.4f} away\n",
             study.converged_steps, study.resolution);
}

nlohmann::json describe(const bench::SolverStudy& study) {
  nlohmann::json curves = nlohmann::json::array();
  for (const bench::SolverCurve& curve : study.curves) {
    curves.push_back({{"solver", curve.solver},
                      {"grid", curve.grid},
                      {"steps", curve.steps},
                      {"relative_l2", curve.error}});
  }
  return {{"converged_steps", study.converged_steps},
          {"resolution", study.resolution},
          {"curves", curves}};
}

void run(const Flags& flags, const StudyTarget& target, const base::ProgressSink& progress,
         const base::CancelToken& cancel) {
  const auto bench = bench::open_workbench(target.model, target.dtype, target.device);
  const bench::SolverStudy study = bench::study_solvers(*bench, target.questions, flags.steps,
                                                        flags.converged, progress, cancel);
  print_table(study);
  nlohmann::json report = describe_study(target);
  report["dtype"] = target.dtype == at::kFloat ? "fp32" : "16-bit";
  report.update(describe(study));
  write_study(flags.study, report);
  if (flags.plot.empty()) return;
  const auto written = media::write_image(flags.plot, draw(study));
  if (!written.ok()) throw base::Error(written);
}

}  // namespace

Command add_bench_solvers(CLI::App& bench) {
  CLI::App* command = bench.add_subcommand(
      "solvers", "Error of each solver and grid of nodes against a converged solution");
  command->footer(kFooter);
  const auto flags = std::make_shared<Flags>();
  add_study_flags(*command, flags->study);
  command->add_option("--steps", flags->steps, "Numbers of steps to try")
      ->type_name("N...")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_option("--converged", flags->converged, "Steps that count as infinitely many")
      ->type_name("N")
      ->check(CLI::Range(2, 1000))
      ->capture_default_str();
  command->add_option("--plot", flags->plot, "Draw the errors into this PNG")->type_name("FILE");
  return {command, [flags] {
            return run_study(flags->study,
                             [&](const StudyTarget& target, const auto& progress,
                                 const auto& cancel) { run(*flags, target, progress, cancel); });
          }};
}

}  // namespace zoetrope::apps

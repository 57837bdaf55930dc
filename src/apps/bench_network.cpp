// zoetrope bench network: one step of a network of I2VGen-XL's size, with random weights.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/bench.h"
#include "bench/network_study.h"

namespace zoetrope::apps {
namespace {

struct Flags {
  StudyFlags study;
  bench::NetworkShape shape;
  int runs = 5;
};

constexpr const char* kFooter = R"(
The time of a step does not depend on what the weights are, so none are needed. 1.4
billion parameters: 6 GB in fp32, 3 GB in 16 bits. The rungs are those of `zoetrope
bench ladder` that need no solver.)";

void run(const Flags& flags, const StudyTarget& target, const base::ProgressSink& progress,
         const base::CancelToken& cancel) {
  const std::vector<bench::NetworkRung> rungs =
      bench::study_network(models::AnimateUnetConfig{}, flags.shape, target.dtype, target.device,
                           flags.runs, progress, cancel);
  nlohmann::json report = describe_study(target);
  fmt::print("{:<42} {:>5} {:>10} {:>8}\n", "rung", "type", "step s", "MiB");
  for (const bench::NetworkRung& rung : rungs) {
    fmt::print("{:<42} {:>5} {:>10.4f} {:>8}\n", rung.name, rung.dtype, rung.step_seconds,
               rung.peak_bytes >> 20);
    report["rungs"].push_back({{"name", rung.name},
                               {"dtype", rung.dtype},
                               {"step_seconds", rung.step_seconds},
                               {"peak_memory_bytes", rung.peak_bytes}});
  }
  write_study(flags.study, report);
}

}  // namespace

Command add_bench_network(CLI::App& bench) {
  CLI::App* command = bench.add_subcommand("network", "One step of a network of I2VGen-XL's size");
  command->footer(kFooter);
  const auto flags = std::make_shared<Flags>();
  add_study_flags(*command, flags->study, StudyInputs::kNone);
  const auto add = [&](const char* name, auto& target, const char* help) {
    command->add_option(name, target, help)
        ->type_name("N")
        ->check(CLI::Range(1, 1024))
        ->capture_default_str();
  };
  add("--frames", flags->shape.frames, "Frames of the clip");
  add("--latent", flags->shape.latent, "Height and width of its latents: an eighth of the pixels");
  add("--branches", flags->shape.branches, "Guidance branches of a step");
  add("--runs", flags->runs, "Steps to time, after one that is not counted");
  return {command, [flags] {
            return run_study(flags->study,
                             [&](const StudyTarget& target, const auto& progress,
                                 const auto& cancel) { run(*flags, target, progress, cancel); });
          }};
}

}  // namespace zoetrope::apps

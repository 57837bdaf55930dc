// zoetrope inspect: what a model folder is, what it needs, and what is wrong with it.
#include "engine/api/inspect.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>

#include "apps/command.h"
#include "apps/exit_code.h"
#include "apps/json_output.h"
#include "apps/model_folder.h"

namespace zoetrope::apps {
namespace {

using engine::ComponentReport;
using engine::MemoryPlan;
using engine::ModelReport;

bool usable(const ModelReport& report) { return report.defaults.has_value(); }

nlohmann::json to_json(const MemoryPlan& plan) {
  const auto parts = [](const std::vector<MemoryPlan::Part>& all) {
    nlohmann::json json = nlohmann::json::object();
    for (const MemoryPlan::Part& part : all) json[part.name] = part.bytes;
    return json;
  };
  return {{"weight_bytes", plan.weight_bytes},
          {"peak_bytes", plan.peak_bytes},
          {"components", parts(plan.components)},
          {"roles", parts(plan.roles)}};
}

nlohmann::json to_json(const ModelReport& report, const std::string& folder) {
  nlohmann::json json = {{"folder", folder},
                         {"pipeline", report.pipeline},
                         {"problem", report.problem},
                         {"usable", usable(report)},
                         {"components", nlohmann::json::array()}};
  for (const ComponentReport& part : report.components) {
    json["components"].push_back({{"name", part.name},
                                  {"parameters", part.parameters},
                                  {"bytes", part.bytes},
                                  {"dtypes", part.dtypes},
                                  {"unused", part.unused},
                                  {"problem", part.problem}});
  }
  if (report.defaults) {
    const engine::ModelDefaults& d = *report.defaults;
    json["defaults"] = {{"width", d.width},           {"height", d.height},
                        {"num_frames", d.num_frames}, {"fps", d.fps},
                        {"steps", d.steps},           {"text_guidance", d.text_guidance}};
    if (d.three_way_guidance) json["defaults"]["image_guidance"] = d.image_guidance;
    if (d.has_motion) json["defaults"]["motion"] = d.motion;
  }
  if (report.on_cpu) {
    json["memory"] = to_json(*report.on_cpu);
    json["memory"]["free_bytes"] = report.on_cpu->limit_bytes;
  }
  if (report.on_gpu) json["gpu_memory"] = to_json(*report.on_gpu);
  return json;
}

double mib(int64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

// The same parts on both, but for a tiled decode, which may be less on one alone.
void print_memory(const MemoryPlan& cpu, const MemoryPlan& gpu) {
  fmt::print("\n{:<28} {:>11} {:>11}\n", "memory predicted, MiB", "CPU", "GPU");
  const auto line = [](const std::string& what, int64_t on_cpu, int64_t on_gpu) {
    fmt::print("{:<28} {:>11.1f} {:>11.1f}\n", what, mib(on_cpu), mib(on_gpu));
  };
  for (size_t i = 0; i < cpu.components.size(); ++i) {
    line("weights of " + cpu.components[i].name, cpu.components[i].bytes, gpu.components[i].bytes);
  }
  for (size_t i = 0; i < std::min(cpu.roles.size(), gpu.roles.size()); ++i) {
    line("besides, in " + cpu.roles[i].name, cpu.roles[i].bytes, gpu.roles[i].bytes);
  }
  line("peak of one clip", cpu.peak_bytes, gpu.peak_bytes);
}

void print(const ModelReport& report, const std::string& folder) {
  fmt::print("{}: {}\n\n", folder, report.pipeline);
  fmt::print("{:<15} {:>14} {:>11}  {}\n", "component", "parameters", "MiB", "dtype");
  int64_t parameters = 0, bytes = 0;
  for (const ComponentReport& part : report.components) {
    parameters += part.parameters;
    bytes += part.bytes;
    fmt::print("{:<15} {:>14} {:>11.2f}  {}\n", part.name, part.parameters, mib(part.bytes),
               fmt::join(part.dtypes, ", "));
    if (!part.problem.empty()) fmt::print("    {}\n", part.problem);
    for (const std::string& name : part.unused) fmt::print("    unused: {}\n", name);
  }
  fmt::print("{:<15} {:>14} {:>11.2f}\n\n", "all", parameters, mib(bytes));
  if (report.defaults) {
    const engine::ModelDefaults& d = *report.defaults;
    fmt::print("clips           {} frames of {}x{} at {} a second, {} steps\n", d.num_frames,
               d.width, d.height, d.fps, d.steps);
  }
  if (report.on_cpu && report.on_gpu) print_memory(*report.on_cpu, *report.on_gpu);
  if (!report.problem.empty()) fmt::print("{}\n", report.problem);
}

int run(const std::string& given, const engine::InspectOptions& options, Output output) {
  const auto folder = find_model(given);
  if (!folder.ok()) return fail(folder.status(), output);
  const auto report = engine::inspect_model(*folder, options);
  if (!report.ok()) return fail(report.status(), output);
  if (output == Output::kJson) {
    print_json(to_json(*report, folder->string()));
  } else {
    print(*report, folder->string());
  }
  return usable(*report) ? kExitFine : kExitFailed;
}

}  // namespace

Command add_inspect(CLI::App& root) {
  CLI::App* command =
      root.add_subcommand("inspect", "Show what a model folder is and what it needs");
  command->footer(R"(
Lists the parts of a model with their size, weights in its files that nothing
uses, and what is missing or does not fit together.

Exit status: 0 when the model can be used, 1 when it cannot.)");
  const auto folder = std::make_shared<std::string>();
  const auto json = std::make_shared<bool>(false);
  command->add_option("DIR", *folder, "Model folder (default: the bundled model)");
  const auto options = std::make_shared<engine::InspectOptions>();
  const auto side = CLI::Range(16, 8192);
  command->add_option("--width", options->width, "Predict memory for this size")
      ->type_name("PIXELS")
      ->check(side);
  command->add_option("--height", options->height, "Likewise")->type_name("PIXELS")->check(side);
  command->add_option("--frames", options->num_frames, "Likewise")
      ->type_name("N")
      ->check(CLI::Range(1, 1025));
  command->add_option("--dtype", options->dtype, "Likewise: auto, fp32, bf16 or fp16")
      ->type_name("TYPE")
      ->check(CLI::IsMember({"auto", "fp32", "bf16", "fp16"}))
      ->capture_default_str();
  command->add_flag("--json", *json, "Print one JSON object on stdout");
  return {command, [folder, options, json] {
            return run(*folder, *options, *json ? Output::kJson : Output::kText);
          }};
}

}  // namespace zoetrope::apps

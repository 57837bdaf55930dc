// zoetrope inspect: what a model folder is, what it needs, and what is wrong with it.
#include "engine/api/inspect.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "apps/command.h"
#include "apps/exit_code.h"
#include "apps/json_output.h"
#include "apps/model_folder.h"

namespace zoetrope::apps {
namespace {

using engine::ComponentReport;
using engine::ModelReport;

bool usable(const ModelReport& report) { return report.defaults.has_value(); }

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
  if (report.memory) {
    json["memory"] = {{"weight_bytes", report.memory->weight_bytes},
                      {"peak_bytes", report.memory->peak_bytes},
                      {"free_bytes", report.memory->limit_bytes}};
  }
  return json;
}

void print(const ModelReport& report, const std::string& folder) {
  fmt::print("{}: {}\n\n", folder, report.pipeline);
  fmt::print("{:<15} {:>14} {:>11}  {}\n", "component", "parameters", "MiB", "dtype");
  int64_t parameters = 0, bytes = 0;
  for (const ComponentReport& part : report.components) {
    parameters += part.parameters;
    bytes += part.bytes;
    fmt::print("{:<15} {:>14} {:>11.2f}  {}\n", part.name, part.parameters,
               static_cast<double>(part.bytes) / (1 << 20), fmt::join(part.dtypes, ", "));
    if (!part.problem.empty()) fmt::print("    {}\n", part.problem);
    for (const std::string& name : part.unused) fmt::print("    unused: {}\n", name);
  }
  fmt::print("{:<15} {:>14} {:>11.2f}\n\n", "all", parameters,
             static_cast<double>(bytes) / (1 << 20));
  if (report.defaults) {
    const engine::ModelDefaults& d = *report.defaults;
    fmt::print("clips           {} frames of {}x{} at {} a second, {} steps\n", d.num_frames,
               d.width, d.height, d.fps, d.steps);
  }
  if (report.memory) {
    fmt::print("peak memory     {} MiB predicted for one clip on the CPU\n",
               report.memory->peak_bytes >> 20);
  }
  if (!report.problem.empty()) fmt::print("{}\n", report.problem);
}

int run(const std::string& given, Output output) {
  const auto folder = find_model(given);
  if (!folder.ok()) return fail(folder.status(), output);
  const auto report = engine::inspect_model(*folder);
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
  command->add_flag("--json", *json, "Print one JSON object on stdout");
  return {command, [folder, json] { return run(*folder, *json ? Output::kJson : Output::kText); }};
}

}  // namespace zoetrope::apps

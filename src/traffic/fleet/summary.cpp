#include "traffic/fleet/summary.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "traffic/fleet/metrics.h"

namespace zoetrope::traffic::fleet {
namespace {

struct Column {
  const char* metric;
  const char* heading;
  int digits;
};
constexpr Column kColumns[] = {
    {"success", "success", 4},       {"worst_region", "worst", 4},  {"attempts", "tries", 2},
    {"utilisation", "busy", 3},      {"home_share", "home", 3},     {"ring1_share", "ring 1", 3},
    {"ring2_share", "ring 2", 3},    {"ring3_share", "ring 3", 3},  {"overhead_p50", "over p50", 3},
    {"overhead_p99", "over p99", 2}, {"total_p99", "total p99", 2}, {"spread", "spread", 3},
};

// All that S8's staircase has of phases would fill the screen.
constexpr size_t kMostPhases = 4;

}  // namespace

std::string as_text(const CampaignResult& result) {
  const Scenario& scenario = result.scenario;
  std::string text = fmt::format("{}  {}\n", scenario.name, scenario.title);
  std::vector<std::string> phases = {""};
  const std::vector<Phase>& own = scenario.arms.front().options.phases;
  if (own.size() <= kMostPhases) {
    for (const Phase& phase : own) phases.push_back(phase.name);
  }
  size_t width = 12;
  for (const ArmResult& arm : result.arms) width = std::max(width, arm.arm.name.size());
  for (const std::string& phase : phases) {
    text += fmt::format("  {:<{}}", phase.empty() ? "whole run" : phase, width);
    for (const Column& column : kColumns) text += fmt::format("{:>10}", column.heading);
    text += "\n";
    for (const ArmResult& arm : result.arms) {
      text += fmt::format("  {:<{}}", arm.arm.name, width);
      for (const Column& column : kColumns) {
        text += fmt::format("{:>10.{}f}", arm.metric(column.metric, phase).mean, column.digits);
      }
      text += "\n";
    }
  }
  for (const GateResult& gate : result.gates) {
    text += fmt::format("  {}  {}\n", gate.passed ? "holds " : "FAILED", gate.text);
  }
  text += fmt::format("  {} runs, {:.3g} million events in {:.1f} s of processor time\n",
                      result.arms.size() * static_cast<size_t>(scenario.seeds),
                      static_cast<double>(result.events) * 1e-6, result.core_seconds);
  return text;
}

nlohmann::json as_json(const std::vector<CampaignResult>& results) {
  nlohmann::json scenarios = nlohmann::json::array();
  for (const CampaignResult& result : results) {
    nlohmann::json arms = nlohmann::json::array();
    for (const ArmResult& arm : result.arms) {
      nlohmann::json phases = nlohmann::json::object();
      for (const PhaseResult& phase : arm.runs.front().phases) {
        nlohmann::json figures = nlohmann::json::object();
        for (const Column& column : kColumns) {
          const Estimate estimate = arm.metric(column.metric, phase.name);
          figures[column.metric] = {{"mean", estimate.mean}, {"half_width", estimate.half_width}};
        }
        figures["offered"] = phase.offered;
        figures["goodput"] = {{"mean", arm.metric("goodput", phase.name).mean}};
        phases[phase.name] = figures;
      }
      arms.push_back({{"name", arm.arm.name},
                      {"seeds", arm.runs.size()},
                      {"usable_share", arm.runs.front().limit},
                      {"phases", phases}});
    }
    nlohmann::json gates = nlohmann::json::array();
    for (const GateResult& gate : result.gates) {
      gates.push_back({{"text", gate.text}, {"passed", gate.passed}});
    }
    scenarios.push_back({{"name", result.scenario.name},
                         {"title", result.scenario.title},
                         {"passed", result.passed()},
                         {"arms", arms},
                         {"gates", gates},
                         {"events", result.events},
                         {"core_seconds", result.core_seconds}});
  }
  return {{"scenarios", scenarios}};
}

}  // namespace zoetrope::traffic::fleet

#include "traffic/fleet/campaign.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <mutex>
#include <optional>
#include <thread>

#include "traffic/fleet/metrics.h"
#include "traffic/fleet/simulator.h"

namespace zoetrope::traffic::fleet {
namespace {

// Student's t, two-sided 95 %, by degrees of freedom from 1.
double student(size_t freedom) {
  constexpr std::array kValues = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262};
  return freedom <= kValues.size() ? kValues[freedom - 1]
                                   : 1.96 + 2.4 / static_cast<double>(freedom);
}

// Runs [0, count) of `work`, a thread a core. The first failure wins.
base::Status spread_over_cores(size_t count, const std::function<base::Status(size_t)>& work) {
  std::atomic<size_t> next{0};
  std::mutex mutex;
  base::Status failure;
  const auto worker = [&] {
    for (size_t i = next++; i < count; i = next++) {
      const base::Status status = work(i);
      if (status.ok()) continue;
      const std::lock_guard lock(mutex);
      if (failure.ok()) failure = status;
      next = count;
    }
  };
  const size_t threads = std::min<size_t>(count, std::max(1u, std::thread::hardware_concurrency()));
  std::vector<std::jthread> pool;
  for (size_t i = 1; i < threads; ++i) pool.emplace_back(worker);
  worker();
  pool.clear();
  return failure;
}

std::string where(const Gate& gate) { return gate.phase.empty() ? "" : " in " + gate.phase; }

GateResult judge_order(const Gate& gate, const CampaignResult& result) {
  GateResult judged{fmt::format("{}{} rises:", gate.metric, where(gate)), true};
  double last = -std::numeric_limits<double>::infinity();
  for (const std::string& name : gate.order) {
    const double value = result.arm(name).metric(gate.metric, gate.phase).mean;
    judged.text += fmt::format(" {} {:.4g}", name, value);
    if (&name != &gate.order.back()) judged.text += " <";
    judged.passed = judged.passed && value > last;
    last = value;
  }
  return judged;
}

GateResult judge_bound(const Gate& gate, const ArmResult& arm, const CampaignResult& result) {
  double value = arm.metric(gate.metric, gate.phase).mean;
  std::string text = fmt::format("{}: {}{}", arm.arm.name, gate.metric, where(gate));
  if (!gate.than.empty()) {
    value -= gate.times * result.arm(gate.than).metric(gate.metric, gate.phase).mean;
    text += fmt::format(" less {}that of {}",
                        gate.times == 1 ? "" : fmt::format("{:g} x ", gate.times), gate.than);
  }
  bool passed = std::isfinite(value);
  if (gate.at_least) {
    text += fmt::format(" >= {:g}", *gate.at_least);
    passed = passed && value >= *gate.at_least;
  }
  if (gate.at_most) {
    text += fmt::format(" <= {:g}", *gate.at_most);
    passed = passed && value <= *gate.at_most;
  }
  return {text + fmt::format(": {:.4g}", value), passed};
}

void judge(CampaignResult& result) {
  for (const Gate& gate : result.scenario.gates) {
    if (!gate.order.empty()) {
      result.gates.push_back(judge_order(gate, result));
      continue;
    }
    for (const ArmResult& arm : result.arms) {
      if (gate.arm.empty() || gate.arm == arm.arm.name) {
        result.gates.push_back(judge_bound(gate, arm, result));
      }
    }
  }
}

}  // namespace

Estimate ArmResult::metric(std::string_view name, std::string_view phase) const {
  const auto n = static_cast<double>(runs.size());
  double sum = 0, squares = 0;
  for (const RunResult& run : runs) sum += fleet::metric(name, run, arm.options, phase);
  const double mean = sum / n;
  if (runs.size() < 2) return {mean, 0};
  for (const RunResult& run : runs) {
    const double off = fleet::metric(name, run, arm.options, phase) - mean;
    squares += off * off;
  }
  return {mean, student(runs.size() - 1) * std::sqrt(squares / (n - 1) / n)};
}

bool CampaignResult::passed() const {
  return std::all_of(gates.begin(), gates.end(),
                     [](const GateResult& gate) { return gate.passed; });
}

const ArmResult& CampaignResult::arm(std::string_view name) const {
  const auto found = std::find_if(arms.begin(), arms.end(),
                                  [&](const ArmResult& arm) { return arm.arm.name == name; });
  base::require(found != arms.end(), "no such arm");
  return *found;
}

base::Result<CampaignResult> run_campaign(const Scenario& scenario,
                                          const CampaignOptions& options) {
  CampaignResult result;
  result.scenario = scenario;
  const auto seeds = static_cast<size_t>(scenario.seeds);
  for (const Arm& arm : scenario.arms) {
    result.arms.push_back({arm, std::vector<RunResult>(seeds)});
  }
  const size_t count = seeds * scenario.arms.size();
  std::mutex mutex;
  std::vector<double> shares(count);
  const auto advance = [&](size_t run, double share) {
    constexpr int64_t kSteps = 1000;
    const std::lock_guard lock(mutex);
    shares[run] = share;
    double sum = 0;
    for (const double s : shares) sum += s;
    const auto step = static_cast<int64_t>(sum * kSteps / static_cast<double>(count));
    base::report(options.progress, scenario.name, step, kSteps);
  };
  ZT_RETURN_IF_ERROR(spread_over_cores(count, [&](size_t i) -> base::Status {
    ArmResult& arm = result.arms[i / seeds];
    const RunContext context{options.cancel, [&](double share) { advance(i, share); }};
    base::Result<RunResult> run = simulate(arm.arm.options, options.seed + i % seeds, context);
    if (!run.ok()) return run.status().with_context(scenario.name + ", arm " + arm.arm.name);
    advance(i, 1);
    arm.runs[i % seeds] = std::move(run).value();
    return {};
  }));
  for (const ArmResult& arm : result.arms) {
    for (const RunResult& run : arm.runs) {
      result.events += run.events;
      result.core_seconds += run.seconds;
    }
  }
  judge(result);
  return result;
}

}  // namespace zoetrope::traffic::fleet

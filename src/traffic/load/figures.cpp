#include "traffic/load/figures.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace zoetrope::traffic::load {
namespace {

using std::chrono::nanoseconds;

const char* name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kDone:
      return "done";
    case Outcome::kRefused:
      return "refused";
    case Outcome::kDeadline:
      return "deadline";
    case Outcome::kTries:
      return "tries";
    case Outcome::kBudget:
      return "budget";
    case Outcome::kLost:
      return "lost";
  }
  return "lost";
}

double in_seconds(nanoseconds time) { return std::chrono::duration<double>(time).count(); }

nlohmann::json to_json(const Percentiles& of) {
  return {{"p50_s", of.p50}, {"p90_s", of.p90}, {"p99_s", of.p99}, {"p999_s", of.p999}};
}

}  // namespace

Percentiles percentiles(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) {
    const auto place = std::ceil(share * static_cast<double>(values.size())) - 1;
    return values[static_cast<size_t>(std::max(place, 0.0))];
  };
  return {at(.5), at(.9), at(.99), at(.999)};
}

Figures figures(const std::vector<JobRecord>& records, nanoseconds from, nanoseconds to) {
  Figures found;
  std::vector<double> latency;
  std::vector<double> admission;
  double attempts = 0;
  double submissions = 0;
  for (const JobRecord& record : records) {
    if (record.due < from || record.due >= to) continue;
    ++found.jobs;
    ++found.outcomes[name_of(record.outcome)];
    attempts += record.attempts;
    submissions += record.submissions;
    if (record.outcome != Outcome::kDone) continue;
    ++found.done;
    if (!record.region.empty()) ++found.by_region[record.region];
    latency.push_back(in_seconds(record.ended - record.due));
    admission.push_back(in_seconds(record.admitted - record.due));
  }
  const double jobs = static_cast<double>(std::max<int64_t>(found.jobs, 1));
  const double length = in_seconds(to - from);
  found.success = static_cast<double>(found.done) / jobs;
  found.offered = static_cast<double>(found.jobs) / length;
  found.goodput = static_cast<double>(found.done) / length;
  found.attempts = attempts / jobs;
  found.submissions = submissions / jobs;
  found.latency = percentiles(std::move(latency));
  found.admission = percentiles(std::move(admission));
  return found;
}

std::vector<StageFigures> by_stage(const std::vector<JobRecord>& records,
                                   const std::vector<Stage>& stages) {
  std::vector<StageFigures> found;
  nanoseconds from{};
  for (const Stage& stage : stages) {
    found.push_back({stage, figures(records, from, from + stage.length)});
    from += stage.length;
  }
  return found;
}

std::optional<double> knee(const std::vector<StageFigures>& stages, double target) {
  for (size_t i = 0; i < stages.size(); ++i) {
    const Figures& over = stages[i].figures;
    if (over.success >= target) continue;
    if (i == 0) return std::nullopt;
    const Figures& under = stages[i - 1].figures;
    const double way = (under.success - target) / (under.success - over.success);
    return stages[i - 1].stage.rate + way * (stages[i].stage.rate - stages[i - 1].stage.rate);
  }
  return std::nullopt;
}

nlohmann::json to_json(const Figures& figures) {
  return {{"jobs", figures.jobs},
          {"done", figures.done},
          {"success", figures.success},
          {"offered_per_s", figures.offered},
          {"goodput_per_s", figures.goodput},
          {"attempts_per_job", figures.attempts},
          {"submissions_per_job", figures.submissions},
          {"latency", to_json(figures.latency)},
          {"admission", to_json(figures.admission)},
          {"by_region", figures.by_region},
          {"outcomes", figures.outcomes}};
}

}  // namespace zoetrope::traffic::load

#include "traffic/fleet/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>

#include "traffic/fleet/metrics.h"
#include "traffic/fleet/world.h"

namespace zoetrope::traffic::fleet {
namespace {

constexpr int kPoints = 75;  // a curve: more is noise, and makes the page heavy
const double kNone = std::numeric_limits<double>::quiet_NaN();

int window_of(const Series& series) { return std::max(1, series.samples() / kPoints); }

// Means of `value(sample)` over windows of samples. `unit_s`: of the x axis.
Line curve(const std::string& name, const Series& series, double unit_s,
           const std::function<double(int first, int end)>& value) {
  Line line{name, {}, {}};
  const int window = window_of(series);
  for (int s = 0; s + window <= series.samples(); s += window) {
    line.x.push_back((s + window / 2.0) * series.sample_s / unit_s);
    line.y.push_back(value(s, s + window));
  }
  return line;
}

double sum(const std::vector<float>& values, const Series& series, int first, int end, int region) {
  double total = 0;
  for (int s = first; s < end; ++s) {
    for (int r = region < 0 ? 0 : region; r < (region < 0 ? series.regions : region + 1); ++r) {
      total += values[series.at(s, r)];
    }
  }
  return total;
}

// By birth; `region` < 0: of all.
Line success_curve(const ArmResult& arm, int region) {
  const Series& series = arm.runs.front().series;
  return curve(arm.arm.name, series, 1, [&](int first, int end) {
    const double offered = sum(series.offered, series, first, end, region);
    return offered > 0 ? sum(series.good, series, first, end, region) / offered : kNone;
  });
}

int index_of(const RunResult& run, const std::string& region) {
  return static_cast<int>(std::find(run.region_names.begin(), run.region_names.end(), region) -
                          run.region_names.begin());
}

// The time during which demand was changed, if it was for a while only.
std::vector<Span> change_span(const CampaignResult& result, const char* name) {
  const auto& changes = result.scenario.arms.front().options.demand.changes;
  if (changes.empty()) return {};
  return {{name, changes.front().from_s, changes.front().to_s}};
}

Figure success_by_arm(const CampaignResult& result, const std::string& id, int region) {
  Figure figure;
  figure.id = id;
  figure.title = "success of jobs, by when they were due";
  figure.x_label = "seconds";
  figure.y_label = "share of jobs done before their deadline";
  for (const ArmResult& arm : result.arms) figure.lines.push_back(success_curve(arm, region));
  figure.y_low = 0;
  figure.y_high = 1.05;
  return figure;
}

Figure bars_by_arm(const CampaignResult& result, const std::string& metric,
                   const std::string& phase) {
  Figure figure;
  for (const ArmResult& arm : result.arms) {
    figure.bars.push_back({arm.arm.name, arm.metric(metric, phase).mean});
  }
  return figure;
}

std::vector<Figure> global_or_regional(const CampaignResult& result) {
  Figure median = bars_by_arm(result, "overhead_p50", "");
  median.id = "traffic_overhead";
  median.title = "seconds beyond the work itself, median";
  median.caption = "Six round trips to where the job ran, and waiting. The 99th percentile: ";
  for (const ArmResult& arm : result.arms) {
    median.caption += fmt::format("{} {:.2f} s{}", arm.arm.name, arm.metric("overhead_p99").mean,
                                  &arm == &result.arms.back() ? "." : ", ");
  }
  return {median};
}

std::vector<Figure> near_capacity(const CampaignResult& result) {
  Figure success = bars_by_arm(result, "success", "");
  success.id = "traffic_capacity";
  success.title = "success by offered work per GPU, three retries";
  success.y_high = 1;
  success.caption = "Tries at random workers; and, last, a gateway that sees every worker.";
  return {success};
}

std::vector<Figure> fixes(const CampaignResult& result) {
  Figure figure = bars_by_arm(result, "success", "");
  figure.id = "traffic_fixes";
  figure.picture = true;
  figure.title = "before and after: success of regional batches";
  figure.y_high = 1;
  figure.caption =
      "Each fix alone, then together. Back-off between tries from 0.1 to 4 s; smear puts half of "
      "the jobs off by up to 8 s.";
  return {figure};
}

std::vector<Figure> cascade(const CampaignResult& result) {
  const RunResult& run = result.arms.front().runs.front();
  Figure figure = success_by_arm(result, "traffic_cascade", index_of(run, "virginia"));
  figure.title = "one region: success of jobs, by when they were due";
  figure.spans = change_span(result, "2.5 x demand");
  figure.caption = "At home the collapse outlives its cause. With the table it never begins.";
  return {figure};
}

std::vector<Figure> storm(const CampaignResult& result) {
  Figure figure = success_by_arm(result, "traffic_storm", -1);
  figure.spans = change_span(result, "1.8 x demand");
  figure.caption =
      "Everywhere 1.8 times the demand for a minute. Back-off that begins anew with every "
      "submission is as good as none; back-off that goes on serves everybody, if late.";
  return {figure};
}

// Finished work against offered work as the load rises and falls.
std::vector<Figure> loop(const CampaignResult& result) {
  Figure figure;
  figure.id = "traffic_storm_loop";
  figure.picture = true;
  figure.title = "goodput over offered load, up and down again";
  figure.x_label = "offered work per GPU";
  figure.y_label = "work done in time, per GPU";
  for (const ArmResult& arm : result.arms) {
    const Series& series = arm.runs.front().series;
    const double service_s = arm.arm.options.world.service_s;
    const auto per_gpu = [&](const std::vector<float>& values) {
      return curve("", series, 1, [&](int first, int end) {
        return sum(values, series, first, end, -1) * service_s /
               (sum(series.ready, series, first, end, -1) * series.sample_s);
      });
    };
    const Line offered = per_gpu(series.offered), good = per_gpu(series.good);
    const auto top = std::max_element(offered.y.begin(), offered.y.end()) - offered.y.begin();
    const auto piece = [&](const std::string& name, std::ptrdiff_t from, std::ptrdiff_t to) {
      figure.lines.push_back({arm.arm.name + name,
                              {offered.y.begin() + from, offered.y.begin() + to},
                              {good.y.begin() + from, good.y.begin() + to}});
    };
    piece(", rising", 0, top + 1);
    piece(", falling", top, static_cast<std::ptrdiff_t>(offered.y.size()));
  }
  figure.caption =
      "The same load has two outcomes, depending on where the fleet comes from: retries at once "
      "keep it down long after the load has gone.";
  return {figure};
}

const char* ring_name(size_t ring) {
  constexpr const char* kNames[] = {"at home", "ring 1, near", "ring 2, continent",
                                    "ring 3, world"};
  return kNames[ring];
}

std::vector<Figure> spill(const CampaignResult& result) {
  const RunResult& run = result.arm("table").runs.front();
  const Series& series = run.series;
  const int hot = index_of(run, "virginia");
  Figure load;
  load.id = "traffic_spill";
  load.picture = true;
  load.title = "utilisation while one region's demand grows sixfold";
  load.x_label = "seconds";
  load.y_label = "utilisation (1: usable capacity)";
  load.lines.push_back(curve("the region's own demand", series, 1, [&](int first, int end) {
    const double work = sum(series.offered, series, first, end, hot) *
                        result.scenario.arms.front().options.world.service_s;
    return work / (sum(series.ready, series, first, end, hot) * series.sample_s) / run.limit;
  }));
  const auto mean = [&](int region) {
    return [&run, region](int first, int end) {
      double total = 0;
      for (int s = first; s < end; ++s) total += utilisation(run, s, region);
      return total / (end - first);
    };
  };
  load.lines.push_back(curve("the region", series, 1, mean(hot)));
  load.lines.push_back(curve("ring 1: iowa", series, 1, mean(index_of(run, "iowa"))));
  load.lines.push_back(curve("ring 2: oregon", series, 1, mean(index_of(run, "oregon"))));
  load.lines.push_back(curve("ring 3: dublin", series, 1, mean(index_of(run, "dublin"))));
  const auto& thresholds = result.arms.front().arm.options.routing.policy.routing.thresholds;
  for (size_t k = 0; k < thresholds.size(); ++k) {
    load.levels.push_back({fmt::format("ring {}", k + 1), thresholds[k]});
  }
  load.y_low = 0;
  load.y_high = 2.2;
  load.caption =
      "Dashed: utilisation that unlocks each ring. A ring is filled to just below a threshold "
      "before the next is asked.";
  Figure share;
  share.id = "traffic_spill_share";
  share.title = "where the region's jobs are admitted";
  share.x_label = "seconds";
  share.y_label = "share of its jobs";
  for (size_t ring = 0; ring < 4; ++ring) {
    share.lines.push_back(curve(ring_name(ring), series, 1, [&](int first, int end) {
      double part = 0, whole = 0;
      for (int s = first; s < end; ++s) {
        const auto& rings = series.to_ring[series.at(s, hot)];
        part += rings[ring];
        for (const float count : rings) whole += count;
      }
      return whole > 0 ? part / whole : kNone;
    }));
  }
  share.y_low = 0;
  share.y_high = 1.02;
  return {load, share};
}

std::vector<Figure> ramp(const CampaignResult& result) {
  const ArmResult& arm = result.arms.front();
  Line success{"success", {}, {}}, median{"median", {}, {}}, tail{"99th percentile", {}, {}},
      tries{"tries per job", {}, {}};
  for (const Phase& phase : arm.arm.options.phases) {
    const double percent = std::atof(phase.name.c_str());
    for (Line* line : {&success, &median, &tail, &tries}) line->x.push_back(percent);
    success.y.push_back(arm.metric("success", phase.name).mean);
    median.y.push_back(arm.metric("overhead_p50", phase.name).mean);
    tail.y.push_back(arm.metric("overhead_p99", phase.name).mean);
    tries.y.push_back(arm.metric("attempts", phase.name).mean);
  }
  Figure errors;
  errors.id = "traffic_ramp";
  errors.picture = true;
  errors.title = "success on the way past 100 % of the plan";
  errors.x_label = "offered load, % of the plan";
  errors.y_label = "share of submissions that found a worker";
  errors.lines = {success};
  errors.levels = {{"target", arm.arm.options.routing.target}};
  errors.caption = fmt::format("The plan's limit is where the target is met; measured at {:.1f} %.",
                               100 * arm.metric("knee").mean);
  Figure tails;
  tails.id = "traffic_ramp_tails";
  tails.title = "waiting on the way past 100 % of the plan";
  tails.x_label = errors.x_label;
  tails.y_label = "seconds beyond the work itself; tries per job";
  tails.lines = {median, tail, tries};
  return {errors, tails};
}

Band band_of(const ArmResult& arm) {
  const RunResult& run = arm.runs.front();
  const Series& series = run.series;
  const int window = window_of(series);
  Band band{arm.arm.name, {}, {}, {}};
  for (int s = 0; s + window <= series.samples(); s += window) {
    double low = std::numeric_limits<double>::infinity(), high = 0;
    for (int r = 0; r < series.regions; ++r) {
      double mean = 0;
      for (int i = s; i < s + window; ++i) mean += utilisation(run, i, r) / window;
      low = std::min(low, mean);
      high = std::max(high, mean);
    }
    band.x.push_back((s + window / 2.0) * series.sample_s / 3600);
    band.low.push_back(low);
    band.high.push_back(high);
  }
  return band;
}

std::vector<Figure> day(const CampaignResult& result) {
  Figure bands;
  bands.id = "traffic_band";
  bands.picture = true;
  bands.title = "utilisation over a day: all regions lie in the band";
  bands.x_label = "hour, UTC";
  bands.y_label = "utilisation (1: usable capacity)";
  for (size_t i = result.arms.size(); i-- > 0;) bands.bands.push_back(band_of(result.arms[i]));
  bands.levels = {{"usable capacity", 1}};
  bands.y_low = 0;
  bands.caption = fmt::format(
      "Kept at home, the busiest region is above what it can take at its evening. Shared, {:.0f} % "
      "of the jobs still run at home. The sum of regional peaks is {:.2f} times the fleet's peak.",
      100 * result.arm("table").metric("home_share").mean,
      result.arm("table").metric("peaks_apart").mean);
  Figure used;
  used.id = "traffic_day";
  used.title = "one region's day: demand and use";
  used.x_label = "hour, UTC";
  used.y_label = "of the region's GPUs";
  const RunResult& run = result.arm("table").runs.front();
  const Series& series = run.series;
  const int region = index_of(run, "mumbai");
  const double service_s = result.arms.front().arm.options.world.service_s;
  used.lines.push_back(curve("offered by its users", series, 3600, [&](int first, int end) {
    return sum(series.offered, series, first, end, region) * service_s /
           (sum(series.ready, series, first, end, region) * series.sample_s);
  }));
  used.lines.push_back(curve("busy, with the table", series, 3600, [&](int first, int end) {
    return sum(series.busy, series, first, end, region) /
           sum(series.ready, series, first, end, region);
  }));
  used.y_low = 0;
  return {bands, used};
}

std::vector<Figure> failures(const CampaignResult& result) {
  Figure peak = bars_by_arm(result, "receiver_peak", "");
  peak.id = "traffic_receivers";
  peak.title = "highest utilisation of a region that took imports";
  peak.y_high = 1;
  peak.caption = "Over five seconds. No fault makes the table drown the regions that help.";
  return {peak};
}

std::vector<Figure> overload(const CampaignResult& result) {
  Figure tries = bars_by_arm(result, "attempts", "overload");
  tries.id = "traffic_overload";
  tries.title = "tries per job while demand is twice the capacity";
  tries.caption = fmt::format(
      "Goodput per GPU: {:.2f} when the excess is refused at its source, {:.2f} when it may try, "
      "at a median wait of {:.2f} s against {:.1f} s.",
      result.arm("shed").metric("goodput", "overload").mean,
      result.arm("not shed").metric("goodput", "overload").mean,
      result.arm("shed").metric("overhead_p50", "overload").mean,
      result.arm("not shed").metric("overhead_p50", "overload").mean);
  return {tries};
}

}  // namespace

std::vector<Figure> figures_of(const CampaignResult& result) {
  using Draw = std::vector<Figure> (*)(const CampaignResult&);
  static const std::map<std::string, Draw> kDrawings = {{"S1", global_or_regional},
                                                        {"S2", near_capacity},
                                                        {"S4", fixes},
                                                        {"S5", cascade},
                                                        {"S6", storm},
                                                        {"S6b", loop},
                                                        {"S7", spill},
                                                        {"S8", ramp},
                                                        {"S9", day},
                                                        {"S10", failures},
                                                        {"S10b", overload}};
  const auto found = kDrawings.find(result.scenario.name);
  if (found != kDrawings.end()) return found->second(result);
  return {success_by_arm(result, "success_" + result.scenario.name, -1)};
}

}  // namespace zoetrope::traffic::fleet

#include "traffic/fleet/metrics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <numeric>

#include "base/status.h"

namespace zoetrope::traffic::fleet {
namespace {

constexpr double kRecovered = 0.99;
constexpr double kInterval_s = 5;  // over which a peak is a mean

struct Context {
  const RunResult& run;
  const Options& options;
  const PhaseResult& phase;
};

double ratio(double part, double whole) { return whole > 0 ? part / whole : 0; }

int first_sample(const Context& c) {
  return static_cast<int>(std::floor(c.phase.from_s / c.run.series.sample_s));
}
int end_sample(const Context& c) {
  const double end = std::ceil(c.phase.to_s / c.run.series.sample_s);
  return static_cast<int>(std::min(end, static_cast<double>(c.run.series.samples())));
}

double sum(const std::vector<float>& values, const Series& series, int sample) {
  const auto from = values.begin() + static_cast<std::ptrdiff_t>(series.at(sample, 0));
  return std::accumulate(from, from + series.regions, 0.0);
}

// Of all regions, over the samples of the phase.
double sum_in_phase(const Context& c, const std::vector<float>& values) {
  double total = 0;
  for (int s = first_sample(c); s < end_sample(c); ++s) total += sum(values, c.run.series, s);
  return total;
}

double goodput(const Context& c) {
  const double finished = sum_in_phase(c, c.run.series.finished);
  const double gpus = sum_in_phase(c, c.run.series.ready);
  return ratio(finished * c.options.world.service_s, gpus * c.run.series.sample_s);
}

double by_ring(const Context& c, size_t ring) {
  const double total =
      std::accumulate(c.phase.admitted_by_ring.begin(), c.phase.admitted_by_ring.end(), 0.0);
  return ratio(static_cast<double>(c.phase.admitted_by_ring[ring]), total);
}

double spread(const Context& c) {
  const Series& series = c.run.series;
  double total = 0;
  int samples = 0;
  for (int s = first_sample(c); s < end_sample(c); ++s, ++samples) {
    double least = std::numeric_limits<double>::infinity(), most = 0;
    for (int r = 0; r < series.regions; ++r) {
      const double share = ratio(series.busy[series.at(s, r)], series.ready[series.at(s, r)]);
      least = std::min(least, share);
      most = std::max(most, share);
    }
    total += most - least;
  }
  return ratio(total, samples);
}

double worst_region(const Context& c) {
  const Series& series = c.run.series;
  double worst = 1;
  for (int r = 0; r < series.regions; ++r) {
    double offered = 0, good = 0;
    for (int s = first_sample(c); s < end_sample(c); ++s) {
      offered += series.offered[series.at(s, r)];
      good += series.good[series.at(s, r)];
    }
    if (offered > 0) worst = std::min(worst, good / offered);
  }
  return worst;
}

// A region takes imports while it finishes clearly more than its own users have admitted at home.
double receiver_peak(const Context& c) {
  const Series& series = c.run.series;
  const int window = std::max(1, static_cast<int>(std::lround(kInterval_s / series.sample_s)));
  double peak = 0;
  for (int s = first_sample(c); s + window <= end_sample(c); s += window) {
    for (int r = 0; r < series.regions; ++r) {
      double finished = 0, home = 0, used = 0;
      for (int i = s; i < s + window; ++i) {
        finished += series.finished[series.at(i, r)];
        home += series.to_ring[series.at(i, r)][0];
        used += utilisation(c.run, i, r) / window;
      }
      if (finished > 1.05 * home) peak = std::max(peak, used);
    }
  }
  return peak;
}

double recovery_s(const Context& c) {
  const Series& series = c.run.series;
  const int window = std::max(1, static_cast<int>(std::lround(kInterval_s / series.sample_s)));
  int bad_until = first_sample(c);
  for (int s = first_sample(c); s + window <= series.samples(); s += window) {
    double offered = 0, good = 0;
    for (int i = s; i < s + window; ++i) {
      offered += sum(series.offered, series, i);
      good += sum(series.good, series, i);
    }
    if (offered > 0 && good < kRecovered * offered) bad_until = s + window;
  }
  return std::max(0.0, bad_until * series.sample_s - c.phase.from_s);
}

double success(const Context& c) {
  return ratio(static_cast<double>(c.phase.succeeded), static_cast<double>(c.phase.offered));
}

double theory_gap(const Context& c) {
  const GatewayOptions& gateway = c.options.gateway;
  const double rho = c.options.demand.utilisation;
  const double x = fixed_point(rho, (gateway.retries + 1) * gateway.choices);
  return std::abs(success(c) - x / rho);
}

double knee(const Context& c) {
  const double target = c.options.routing.target;
  const Series& series = c.run.series;
  double last_rho = 0, last_success = 1;
  for (size_t i = 1; i < c.run.phases.size(); ++i) {
    const Context step{c.run, c.options, c.run.phases[i]};
    const double gpu_s = sum_in_phase(step, series.ready) * series.sample_s;
    const double rho =
        ratio(static_cast<double>(step.phase.offered) * c.options.world.service_s, gpu_s);
    const double now = success(step);
    if (now < target) {
      const double way = ratio(last_success - target, last_success - now);
      // What is offered where a share `target` of it makes the GPUs busy to the model's limit.
      return (last_rho + way * (rho - last_rho)) * target / c.run.limit;
    }
    last_rho = rho;
    last_success = now;
  }
  return 0;
}

// [hour][region], means of the values per sample.
std::vector<std::vector<double>> by_hour(const Context& c, const std::vector<float>& values) {
  const Series& series = c.run.series;
  const int window = std::max(1, static_cast<int>(std::lround(3600 / series.sample_s)));
  std::vector<std::vector<double>> hours;
  for (int s = first_sample(c); s + window <= end_sample(c); s += window) {
    std::vector<double>& hour = hours.emplace_back(static_cast<size_t>(series.regions));
    for (int i = s; i < s + window; ++i) {
      for (int r = 0; r < series.regions; ++r) {
        hour[static_cast<size_t>(r)] += values[series.at(i, r)] / window;
      }
    }
  }
  return hours;
}

double peak_to_trough(const Context& c, const std::vector<float>& values) {
  const auto hours = by_hour(c, values);
  double worst = 0;
  for (size_t r = 0; r < static_cast<size_t>(c.run.series.regions); ++r) {
    double least = std::numeric_limits<double>::infinity(), most = 0;
    for (const auto& hour : hours) {
      least = std::min(least, hour[r]);
      most = std::max(most, hour[r]);
    }
    worst = std::max(worst, ratio(most, least));
  }
  return worst;
}

double peaks_apart(const Context& c) {
  const auto hours = by_hour(c, c.run.series.offered);
  double together = 0;
  std::vector<double> apart(static_cast<size_t>(c.run.series.regions));
  for (const auto& hour : hours) {
    together = std::max(together, std::accumulate(hour.begin(), hour.end(), 0.0));
    for (size_t r = 0; r < hour.size(); ++r) apart[r] = std::max(apart[r], hour[r]);
  }
  return ratio(std::accumulate(apart.begin(), apart.end(), 0.0), together);
}

double filled_in_order(const Context& c) {
  if (c.options.demand.changes.empty() || c.options.demand.changes.front().regions.empty())
    return 0;
  const Series& series = c.run.series;
  const auto& names = c.run.region_names;
  const auto ramped = static_cast<int>(
      std::find(names.begin(), names.end(), c.options.demand.changes.front().regions.front()) -
      names.begin());
  std::array<int, policy::kRings + 1> first;
  first.fill(std::numeric_limits<int>::max());
  for (int s = first_sample(c); s < end_sample(c); ++s) {
    for (size_t ring = 1; ring < first.size(); ++ring) {
      if (series.to_ring[series.at(s, ramped)][ring] > 0) first[ring] = std::min(first[ring], s);
    }
  }
  const bool all = first.back() != std::numeric_limits<int>::max();
  return all && std::is_sorted(first.begin() + 1, first.end(), std::less_equal<>()) ? 1 : 0;
}

using Compute = std::function<double(const Context&)>;

Compute quantile(Histogram PhaseResult::*which, double p) {
  return [which, p](const Context& c) { return (c.phase.*which).quantile_s(p); };
}

const std::map<std::string_view, Compute>& metrics() {
  static const std::map<std::string_view, Compute> kMetrics = {
      {"success", success},
      {"lost",
       [](const Context& c) { return static_cast<double>(c.phase.offered - c.phase.succeeded); }},
      {"goodput", goodput},
      {"utilisation",
       [](const Context& c) {
         return ratio(sum_in_phase(c, c.run.series.busy), sum_in_phase(c, c.run.series.ready));
       }},
      {"attempts",
       [](const Context& c) {
         return ratio(static_cast<double>(c.phase.attempts), static_cast<double>(c.phase.offered));
       }},
      {"overhead_p50", quantile(&PhaseResult::overhead, .5)},
      {"overhead_p99", quantile(&PhaseResult::overhead, .99)},
      {"overhead_p999", quantile(&PhaseResult::overhead, .999)},
      {"total_p50", quantile(&PhaseResult::total, .5)},
      {"total_p99", quantile(&PhaseResult::total, .99)},
      {"total_p999", quantile(&PhaseResult::total, .999)},
      {"home_share", [](const Context& c) { return by_ring(c, 0); }},
      {"ring1_share", [](const Context& c) { return by_ring(c, 1); }},
      {"ring2_share", [](const Context& c) { return by_ring(c, 2); }},
      {"ring3_share", [](const Context& c) { return by_ring(c, 3); }},
      {"spread", spread},
      {"worst_region", worst_region},
      {"receiver_peak", receiver_peak},
      {"recovery_s", recovery_s},
      {"theory_gap", theory_gap},
      {"knee", knee},
      {"demand_peak_to_trough",
       [](const Context& c) { return peak_to_trough(c, c.run.series.offered); }},
      {"busy_peak_to_trough",
       [](const Context& c) { return peak_to_trough(c, c.run.series.busy); }},
      {"peaks_apart", peaks_apart},
      {"filled_in_order", filled_in_order},
      {"published", [](const Context& c) { return static_cast<double>(c.run.published); }},
  };
  return kMetrics;
}

}  // namespace

bool is_metric(std::string_view name) { return metrics().contains(name); }

double utilisation(const RunResult& run, int sample, int region) {
  const size_t i = run.series.at(sample, region);
  return ratio(run.series.busy[i], run.series.ready[i]) / run.limit;
}

const PhaseResult& phase_of(const RunResult& run, std::string_view phase) {
  for (const PhaseResult& candidate : run.phases) {
    if (candidate.name == (phase.empty() ? "all" : phase)) return candidate;
  }
  throw base::Error(base::StatusCode::kInternal, "no phase " + std::string(phase));
}

double fixed_point(double rho, int looks) {
  double low = 0, high = 1;
  for (int i = 0; i < 60; ++i) {
    const double x = (low + high) / 2;
    (x < rho * (1 - std::pow(x, looks)) ? low : high) = x;
  }
  return low;
}

double metric(std::string_view name, const RunResult& run, const Options& options,
              std::string_view phase) {
  return metrics().at(name)(Context{run, options, phase_of(run, phase)});
}

}  // namespace zoetrope::traffic::fleet

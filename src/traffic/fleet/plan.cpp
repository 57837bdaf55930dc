#include "traffic/fleet/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "traffic/policy/options.h"

namespace zoetrope::traffic::fleet {
namespace {

double total_at(const std::vector<Day>& demand, size_t hour) {
  double total = 0;
  for (const Day& day : demand) total += day[hour];
  return total;
}

int busiest_hour(const std::vector<Day>& demand) {
  int busiest = 0;
  for (int h = 1; h < 24; ++h) {
    if (total_at(demand, static_cast<size_t>(h)) > total_at(demand, static_cast<size_t>(busiest))) {
      busiest = h;
    }
  }
  return busiest;
}

double peak(const Day& day) { return *std::max_element(day.begin(), day.end()); }

// GPUs for a demand, and the share of them that may be busy. With FULL_SCAN that share depends on
// how many there are.
int gpus_for(double rps, double service_s, const PlanOptions& options, double filled) {
  if (rps <= 0) return 0;
  double gpus = rps * service_s;
  for (int i = 0; i < 20; ++i) {
    const int size = std::max(1, static_cast<int>(std::ceil(gpus)));
    gpus = rps * service_s / (usable_share(options.gateway, size, options.target) * filled);
  }
  return static_cast<int>(std::ceil(gpus - 1e-9));
}

// How full the table lets a fleet become that shares: its last pass stops a margin below 1.
double filled_when_shared() { return 1 - policy::RoutingOptions{}.margin; }

struct Demand {
  std::vector<Day> by_region;
  std::vector<Day> without_spike;
  int spike_hour = 0;
  std::vector<uint8_t> spiked;
};

Demand demand_of(const Forecast& forecast, const PlanOptions& options) {
  Demand demand;
  demand.without_spike = forecast.rps;
  for (Day& day : demand.without_spike) {
    for (double& rate : day) rate *= options.growth;
  }
  demand.by_region = demand.without_spike;
  demand.spike_hour =
      options.spike.hour >= 0 ? options.spike.hour : busiest_hour(demand.without_spike);
  const std::vector<std::string>& named = options.spike.regions;
  for (size_t r = 0; r < forecast.places.size(); ++r) {
    const bool hit = named.empty() ||
                     std::find(named.begin(), named.end(), forecast.places[r].name) != named.end();
    demand.spiked.push_back(hit ? 1 : 0);
    if (hit) demand.by_region[r][static_cast<size_t>(demand.spike_hour)] *= options.spike.factor;
  }
  return demand;
}

int shared_gpus(const Demand& demand, double service_s, const PlanOptions& options) {
  const auto hour = static_cast<size_t>(busiest_hour(demand.by_region));
  return gpus_for(total_at(demand.by_region, hour), service_s, options, filled_when_shared());
}

// Every region at its own peak in the same hour, the spike too.
int one_clock_gpus(const Demand& demand, double service_s, const PlanOptions& options) {
  double total = 0;
  for (size_t r = 0; r < demand.without_spike.size(); ++r) {
    total += peak(demand.without_spike[r]) * (demand.spiked[r] != 0 ? options.spike.factor : 1);
  }
  return gpus_for(total, service_s, options, filled_when_shared());
}

int alone_gpus(const Demand& demand, double service_s, const PlanOptions& options) {
  int total = 0;
  for (const Day& day : demand.by_region) total += gpus_for(peak(day), service_s, options, 1);
  return total;
}

std::vector<Sensitivity> sensitivities(const Forecast& forecast, const Service& service,
                                       const PlanOptions& options, const Plan& plan) {
  std::vector<Sensitivity> found;
  const auto add = [&](const std::string& assumption, int gpus) {
    found.push_back({assumption, gpus, static_cast<double>(gpus) / plan.shared - 1});
  };
  const auto with = [&](const PlanOptions& changed, double service_s) {
    return shared_gpus(demand_of(forecast, changed), service_s, changed);
  };
  PlanOptions changed = options;
  changed.growth *= 1.1;
  add("demand is 10 % above the forecast", with(changed, service.mean_s));
  add("a job takes 10 % longer", with(options, 1.1 * service.mean_s));
  changed = options;
  changed.target = 1 - (1 - options.target) / 2;
  add(fmt::format("success of {:.4g} is asked for", changed.target), with(changed, service.mean_s));
  if (options.gateway.retries > 1 && options.gateway.search == Search::kChoices) {
    changed = options;
    changed.gateway.retries /= 2;
    add(fmt::format("gateways make {} retries", changed.gateway.retries),
        with(changed, service.mean_s));
  }
  changed = options;
  changed.gateway.search =
      options.gateway.search == Search::kChoices ? Search::kFullScan : Search::kChoices;
  add(changed.gateway.search == Search::kFullScan
          ? "gateways see all (FULL_SCAN)"
          : fmt::format("gateways look at {} workers a try", changed.gateway.choices),
      with(changed, service.mean_s));
  if (options.spike.factor != 1) {
    changed = options;
    changed.spike.factor = 1;
    add("no launch spike", with(changed, service.mean_s));
  }
  add("all regions peak in the same hour", plan.shared_one_clock);
  add("regions do not share", plan.alone);
  std::stable_sort(found.begin(), found.end(), [](const Sensitivity& a, const Sensitivity& b) {
    return std::abs(a.change) > std::abs(b.change);
  });
  return found;
}

base::Status check(const Forecast& forecast, const Service& service, const PlanOptions& options) {
  if (!(service.mean_s > 0)) return base::invalid_argument("service time: not above 0");
  for (const std::string& name : options.spike.regions) {
    if (std::none_of(forecast.places.begin(), forecast.places.end(),
                     [&](const Place& place) { return place.name == name; })) {
      return base::invalid_argument("spike: no region " + name + " in the forecast");
    }
  }
  return {};
}

}  // namespace

void lay_out(Plan& plan, int gpus) {
  const double sum = std::accumulate(
      plan.regions.begin(), plan.regions.end(), 0.0,
      [](double total, const RegionPlan& region) { return total + region.peak_rps; });
  plan.shared = 0;
  for (RegionPlan& region : plan.regions) {
    region.shared = static_cast<int>(std::ceil(gpus * region.peak_rps / sum - 1e-9));
    plan.shared += region.shared;
  }
}

base::Result<Plan> make_plan(const Forecast& forecast, const Service& service,
                             const PlanOptions& options) {
  ZT_RETURN_IF_ERROR(check(forecast, service, options));
  const Demand demand = demand_of(forecast, options);
  Plan plan;
  plan.demand = demand.by_region;
  plan.spike_hour = demand.spike_hour;
  plan.busiest_hour = busiest_hour(plan.demand);
  plan.shared = shared_gpus(demand, service.mean_s, options);
  if (plan.shared == 0) return base::invalid_argument("forecast: no demand at all");
  plan.shared_one_clock = one_clock_gpus(demand, service.mean_s, options);
  plan.alone = alone_gpus(demand, service.mean_s, options);
  plan.usable = usable_share(options.gateway, plan.shared, options.target);
  for (size_t r = 0; r < forecast.places.size(); ++r) {
    const Day& day = plan.demand[r];
    const auto at = std::max_element(day.begin(), day.end());
    plan.regions.push_back({.name = forecast.places[r].name,
                            .peak_rps = *at,
                            .peak_hour = static_cast<int>(at - day.begin()),
                            .alone = gpus_for(*at, service.mean_s, options, 1),
                            .shared = 0});
  }
  plan.sensitivities = sensitivities(forecast, service, options, plan);
  lay_out(plan, plan.shared);
  for (size_t h = 0; h < 24; ++h) {
    const int gpus =
        gpus_for(total_at(plan.demand, h), service.mean_s, options, filled_when_shared());
    plan.needed[h] = std::min(gpus, plan.shared);
  }
  return plan;
}

}  // namespace zoetrope::traffic::fleet

// How many GPUs a fleet needs, region by region: the capacity plan. A pure function of forecast,
// service time and options; plan_check.h lets the simulator confirm it.
//
// The model: a region offered lambda jobs a second needs N = lambda E[S] / x* GPUs, x* being the
// busy share at which a job still finds a free one (usable_share, scenario.h). On its own a region
// must be sized for its own busiest hour; regions that share, for the busiest hour of their sum.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "base/result.h"
#include "traffic/fleet/scenario.h"
#include "traffic/fleet/world.h"

namespace zoetrope::traffic::fleet {

using Day = std::array<double, 24>;  // by UTC hour

struct Forecast {
  std::vector<Place> places;
  std::vector<Day> rps;  // jobs a second, by place
};

struct Service {
  double mean_s = 0;
  double variation = 0;
  std::string source;  // for the report
};

// A product launch: demand of `regions` (empty: all) in one hour.
struct Spike {
  double factor = 1;
  int hour = -1;  // UTC; -1: the fleet's busiest
  std::vector<std::string> regions;
};

struct PlanOptions {
  double growth = 1;  // on the forecast
  Spike spike;
  double target = 0.99;  // success within one submission
  GatewayOptions gateway = {.retries = 8,
                            .import_retries = 2,
                            .search = Search::kChoices,
                            .choices = 2,
                            .backoff = {},
                            .import_backoff = {},
                            .attempts_per_s = 0};
};

struct RegionPlan {
  std::string name;
  double peak_rps = 0;
  int peak_hour = 0;
  int alone = 0;   // GPUs, sized for its own peak
  int shared = 0;  // its part of the fleet that shares
};

// What the plan would be if one assumption were otherwise.
struct Sensitivity {
  std::string assumption;
  int gpus = 0;
  double change = 0;  // of the shared plan, relative
};

struct Plan {
  double usable = 0;  // busy share
  std::vector<RegionPlan> regions;
  int alone = 0;             // regions on their own
  int shared_one_clock = 0;  // shared, if all regions peaked in the same hour
  int shared = 0;            // shared, with their time zones
  int busiest_hour = 0;
  int spike_hour = 0;
  std::vector<Day> demand;                 // by region, growth and spike included
  std::array<int, 24> needed{};            // GPUs, shared, by UTC hour
  std::vector<Sensitivity> sensitivities;  // largest change first

  int free_at(size_t hour) const { return shared - needed[hour]; }
};

// Lays `gpus` out over the regions by their peaks, rounding up: most jobs stay at home at most
// hours. Sets plan.shared to the sum.
void lay_out(Plan& plan, int gpus);

// The message names what is wrong: a spike for a region that is not in the forecast, no demand.
base::Result<Plan> make_plan(const Forecast& forecast, const Service& service,
                             const PlanOptions& options);

}  // namespace zoetrope::traffic::fleet

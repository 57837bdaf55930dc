#include "traffic/fleet/plan_check.h"

#include <algorithm>
#include <cmath>

#include "base/philox.h"
#include "traffic/fleet/campaign.h"

namespace zoetrope::traffic::fleet {
namespace {

constexpr int kSeeds = 5;
constexpr int kMostRounds = 10;
constexpr double kStep = 0.02;
constexpr double kWarmUp_s = 300;       // the table settles
constexpr double kMostWindow_s = 3200;  // within the hour
constexpr double kEnoughJobs = 400'000;

Options fleet_of(const Plan& plan, const Forecast& forecast, const Service& service,
                 const PlanOptions& options) {
  Options fleet;
  fleet.world.places = forecast.places;
  fleet.world.service_s = service.mean_s;
  fleet.world.service_variation = service.variation;
  fleet.demand.hourly = plan.demand;
  fleet.demand.start_h = plan.busiest_hour;
  fleet.gateway = options.gateway;
  fleet.routing.target = options.target;
  fleet.routing.policy.shed = policy::Shed::kNever;
  double rate = 0;
  for (const Day& day : plan.demand) rate += day[static_cast<size_t>(plan.busiest_hour)];
  const double window_s = std::clamp(kEnoughJobs / rate, 300.0, kMostWindow_s);
  fleet.warm_up_s = kWarmUp_s;
  fleet.duration_s = kWarmUp_s + window_s;
  fleet.client.deadline_s = 60 + 10 * service.mean_s;
  return fleet;
}

Scenario scenario_of(const Plan& plan, const Forecast& forecast, const Service& service,
                     const PlanOptions& options) {
  Scenario scenario;
  scenario.name = "plan";
  scenario.seeds = kSeeds;
  Options fleet = fleet_of(plan, forecast, service, options);
  for (const RegionPlan& region : plan.regions) {
    fleet.world.gpus_by_place.push_back(std::max(1, region.shared));
  }
  scenario.arms.push_back({"shared", fleet});
  fleet.routing.kind = Routing::kHome;
  fleet.world.gpus_by_place.clear();
  for (const RegionPlan& region : plan.regions) {
    fleet.world.gpus_by_place.push_back(std::max(1, region.alone));
  }
  scenario.arms.push_back({"alone", fleet});
  return scenario;
}

}  // namespace

double student_quantile(double p, int freedom) {
  // Cornish-Fisher from the normal quantile; to a percent from three degrees of freedom on.
  const double z = base::normal_quantile(p), n = freedom;
  const double z3 = z * z * z, z5 = z3 * z * z, z7 = z5 * z * z;
  return z + (z3 + z) / (4 * n) + (5 * z5 + 16 * z3 + 3 * z) / (96 * n * n) +
         (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * n * n * n);
}

base::Result<PlanCheck> check_plan(Plan& plan, const Forecast& forecast, const Service& service,
                                   const PlanOptions& options, const PlanCheckOptions& check) {
  const int model = plan.shared;
  PlanCheck outcome;
  for (int round = 0;; ++round) {
    Scenario scenario = scenario_of(plan, forecast, service, options);
    if (round > 0) scenario.arms.pop_back();  // regions on their own do not change
    ZT_ASSIGN_OR_RETURN(
        const CampaignResult result,
        run_campaign(scenario,
                     {.seed = check.seed, .progress = check.progress, .cancel = check.cancel}));
    const ArmResult& shared = result.arm("shared");
    if (round == 0) outcome.alone_success = result.arm("alone").metric("success").mean;
    const Estimate success = shared.metric("success");
    const double error = success.half_width / student_quantile(0.975, kSeeds - 1);
    outcome.success = success.mean;
    outcome.lower_bound = success.mean - student_quantile(check.confidence, kSeeds - 1) * error;
    outcome.worst_region = shared.metric("worst_region").mean;
    outcome.home_share = shared.metric("home_share").mean;
    outcome.overhead_p99_s = shared.metric("overhead_p99").mean;
    outcome.seeds = kSeeds;
    outcome.jobs = 0;
    for (const RunResult& run : shared.runs) outcome.jobs += run.phases.front().offered;
    outcome.added = static_cast<double>(plan.shared) / model - 1;
    outcome.confirmed = outcome.lower_bound >= options.target;
    if (outcome.confirmed || round == kMostRounds) return outcome;
    lay_out(plan, static_cast<int>(std::ceil(model * (1 + kStep * (round + 1)))));
  }
}

}  // namespace zoetrope::traffic::fleet

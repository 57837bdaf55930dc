#include "rehearsal/parity.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "traffic/fleet/simulator.h"
#include "traffic/fleet/world.h"

namespace zoetrope::rehearsal {
namespace {

namespace fleet = traffic::fleet;

// Longer than the phase was: the simulator's own chance must not blur the comparison.
constexpr double kSimulatedSeconds = 3600;
constexpr double kWarmUpSeconds = 60;

fleet::Options world_of(const PhaseReport& phase, const traffic::policy::Table& table,
                        const Options& options, const Clients& clients) {
  fleet::Options world;
  world.world.regions = static_cast<int>(phase.load.size());
  world.world.gpus = options.workers;
  world.world.service_s = std::chrono::duration<double>(options.service.mean).count();
  world.world.service_variation = options.service.variation;
  world.demand.utilisation = 1;
  const std::vector<fleet::Place> places = fleet::places(world.world.regions);
  for (size_t r = 0; r < phase.load.size(); ++r) {
    world.demand.changes.push_back(
        {{places[r].name}, 0, kSimulatedSeconds, phase.load[r], phase.load[r]});
  }
  world.gateway.retries = options.gateway_retries;
  world.gateway.search = fleet::Search::kOwnScan;
  world.gateway.backoff = options.gateway_backoff;
  world.gateway.import_backoff = options.gateway_backoff;
  world.client.resubmit = true;
  world.client.submit = clients.submit;
  world.client.deadline_s = std::chrono::duration<double>(clients.deadline).count();
  world.routing.table = table;
  world.duration_s = kSimulatedSeconds;
  world.warm_up_s = kWarmUpSeconds;
  return world;
}

}  // namespace

bool Parity::split_within() const {
  return std::all_of(split.begin(), split.end(), [](const Share& share) { return share.within(); });
}

double binomial_99(double share, int64_t jobs) {
  constexpr double kQuantile = 2.5758;  // of the normal distribution, 99.5 %
  return kQuantile *
         std::sqrt(share * (1 - share) / static_cast<double>(std::max<int64_t>(jobs, 1)));
}

base::Result<Parity> compare(const PhaseReport& phase, const traffic::policy::Table& table,
                             const std::vector<std::string>& regions, int of,
                             const Options& options, const Clients& clients, uint64_t seed) {
  ZT_ASSIGN_OR_RETURN(const fleet::RunResult run,
                      fleet::simulate(world_of(phase, table, options, clients), seed));
  const fleet::PhaseResult& simulated = run.phases.front();
  const traffic::load::Figures& live = phase.regions[static_cast<size_t>(of)];
  Parity parity;
  parity.of = regions[static_cast<size_t>(of)];
  parity.jobs = live.done;
  parity.live_success = phase.all.success;
  parity.simulated_success =
      static_cast<double>(simulated.succeeded) / static_cast<double>(simulated.offered);
  parity.live_tries = phase.all.attempts;
  parity.simulated_tries =
      static_cast<double>(simulated.attempts) / static_cast<double>(simulated.offered);
  double all = 0;
  const int n = static_cast<int>(regions.size());
  for (int t = 0; t < n; ++t) all += static_cast<double>(simulated.admitted_at.at(of, t));
  for (int t = 0; t < n; ++t) {
    Parity::Share share;
    share.region = regions[static_cast<size_t>(t)];
    share.weight = static_cast<double>(table.weight.at(of, t)) / traffic::policy::kWeightSum;
    const auto found = live.by_region.find(share.region);
    const double there = found == live.by_region.end() ? 0 : static_cast<double>(found->second);
    share.live = there / static_cast<double>(std::max<int64_t>(live.done, 1));
    share.simulated = static_cast<double>(simulated.admitted_at.at(of, t)) / std::max(all, 1.0);
    share.half_width = binomial_99(share.simulated, live.done);
    parity.split.push_back(share);
  }
  return parity;
}

nlohmann::json to_json(const Parity& parity) {
  nlohmann::json all = {{"region", parity.of},
                        {"jobs", parity.jobs},
                        {"live_success", parity.live_success},
                        {"simulated_success", parity.simulated_success},
                        {"live_tries", parity.live_tries},
                        {"simulated_tries", parity.simulated_tries}};
  for (const Parity::Share& share : parity.split) {
    all["split"].push_back({{"region", share.region},
                            {"weight", share.weight},
                            {"live", share.live},
                            {"simulated", share.simulated},
                            {"half_width_99", share.half_width},
                            {"within", share.within()}});
  }
  return all;
}

}  // namespace zoetrope::rehearsal

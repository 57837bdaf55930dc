// What happens by the clock: rates, looks at the GPUs, faults, epochs.
#include <algorithm>
#include <cmath>
#include <ctime>

#include "traffic/fleet/simulation.h"

namespace zoetrope::traffic::fleet {
namespace {

// GPUs and demand of each region: equal, or as the places' populations.
std::vector<int> gpus_of(const WorldOptions& world, const std::vector<Place>& places) {
  if (!world.places.empty()) return world.gpus_by_place;
  double population = 0;
  for (const Place& place : places) population += place.population;
  std::vector<int> gpus;
  for (const Place& place : places) {
    const double share = world.sizes == Sizes::kEqual
                             ? 1
                             : place.population / population * static_cast<double>(places.size());
    gpus.push_back(std::max(1, static_cast<int>(std::lround(world.gpus * share))));
  }
  return gpus;
}

bool names(const std::vector<Place>& places, const std::string& region) {
  return std::any_of(places.begin(), places.end(),
                     [&](const Place& place) { return place.name == region; });
}

base::Status check_names(const Options& options, const std::vector<Place>& places) {
  std::vector<std::string> named;
  for (const DemandChange& change : options.demand.changes) {
    named.insert(named.end(), change.regions.begin(), change.regions.end());
  }
  for (const Fault& fault : options.faults) {
    if (!fault.region.empty()) named.push_back(fault.region);
    if (!fault.peer.empty()) named.push_back(fault.peer);
  }
  for (const std::string& name : named) {
    if (!names(places, name)) {
      return base::invalid_argument("region " + name + " is not among the fleet's " +
                                    std::to_string(places.size()));
    }
  }
  return {};
}

}  // namespace

base::Result<std::unique_ptr<Simulation>> Simulation::make(const Options& options, uint64_t seed) {
  std::vector<Place> where =
      options.world.places.empty() ? places(options.world.regions) : options.world.places;
  ZT_RETURN_IF_ERROR(check_names(options, where));
  const std::vector<int> gpus = gpus_of(options.world, where);
  ZT_ASSIGN_OR_RETURN(Router router, Router::make(options, where, gpus));
  return std::unique_ptr<Simulation>(
      new Simulation(options, seed, std::move(where), gpus, std::move(router)));
}

Simulation::Simulation(const Options& options, uint64_t seed, std::vector<Place> places,
                       const std::vector<int>& gpus, Router router)
    : options_(options),
      places_(std::move(places)),
      gpus_(gpus),
      random_(seed),
      queue_(static_cast<int64_t>(2e9 * options.world.service_s)),
      service_(options.world.service_s, options.world.service_variation),
      rates_(options, places_, gpus),
      router_(std::move(router)),
      recorder_(options, static_cast<int>(places_.size())),
      notice_at_(places_.size(), kNever),
      seed_(seed) {
  for (const int count : gpus_) regions_.push_back({.ready = count, .asked = count});
}

bool Simulation::active(FaultKind kind, int region) const {
  const double time_s = static_cast<double>(now_) * 1e-9;
  return std::any_of(options_.faults.begin(), options_.faults.end(), [&](const Fault& fault) {
    return fault.kind == kind && time_s >= fault.from_s && time_s < fault.to_s &&
           (fault.region.empty() || fault.region == places_[static_cast<size_t>(region)].name);
  });
}

void Simulation::apply_faults() {
  const double time_s = static_cast<double>(now_) * 1e-9;
  for (const Fault& fault : options_.faults) {
    const auto index = [&](const std::string& name) {
      return static_cast<int>(std::find_if(places_.begin(), places_.end(),
                                           [&](const Place& p) { return p.name == name; }) -
                              places_.begin());
    };
    const bool on = time_s >= fault.from_s && time_s < fault.to_s;
    if (fault.kind == FaultKind::kGpuBlackout) {
      const int region = index(fault.region);
      const int whole = gpus_[static_cast<size_t>(region)];
      set_ready(region, on ? std::llround(whole * (1 - fault.share)) : whole);
    } else if (fault.kind == FaultKind::kPartition) {
      const int a = index(fault.region), b = index(fault.peer);
      if (router_.reaches(a, b) == on) router_.set_cut(a, b, on);
    }
  }
}

// GPUs die with their jobs, or come back idle. Gateways notice `ejection_s` later.
void Simulation::set_ready(int region, int64_t ready) {
  const auto r = static_cast<size_t>(region);
  Region& state = regions_[r];
  if (state.ready == ready) return;
  const double survives = static_cast<double>(ready) / static_cast<double>(state.ready);
  if (ready < state.ready) {
    const auto running = [](const Event& event, int there) {
      return event.kind == EventKind::kDone && event.there == there;
    };
    for (const Event& job : queue_.remove_if(running, region)) {
      if (random_.uniform() < survives && state.busy <= ready) {
        queue_.push(job);
        continue;
      }
      --state.busy;
      if (job.home != region) --state.imported;
      abandoned(job, submit::TryEnd::kUnavailable, now_ + router_.rtt_ns(job.home, region) / 2);
    }
  }
  state.ready = ready;
  notice_at_[r] = now_ + static_cast<int64_t>(options_.routing.ejection_s * 1e9);
}

base::Status Simulation::epoch() {
  std::vector<uint8_t> stale;
  for (size_t r = 0; r < regions_.size(); ++r) {
    stale.push_back(active(FaultKind::kStaleMetrics, static_cast<int>(r)) ? 1 : 0);
  }
  ZT_ASSIGN_OR_RETURN(const bool changed, router_.epoch(options_.routing.epoch_s, stale,
                                                        !active(FaultKind::kManagerDown, 0)));
  if (changed) ++published_;
  return {};
}

base::Status Simulation::tick(int64_t now, bool arrivals) {
  now_ = now;
  apply_faults();
  std::vector<uint8_t> silent(regions_.size(), arrivals ? 0 : 1);
  for (size_t r = 0; r < regions_.size(); ++r) {
    Region& region = regions_[r];
    if (now_ >= notice_at_[r]) {
      notice_at_[r] = kNever;
      region.asked = region.ready;
      router_.set_ejected(static_cast<int>(r), region.ready == 0);
    }
    if (active(FaultKind::kIngressBlackout, static_cast<int>(r))) silent[r] = 1;
    const auto busy = static_cast<double>(region.busy);
    if (arrivals) {
      recorder_.look(now_, static_cast<int>(r), busy, static_cast<double>(region.ready));
    }
    router_.look(static_cast<int>(r), region.busy, region.ready);
  }
  rates_.set_time(static_cast<double>(now_) * 1e-9, silent);
  if (now_ < next_epoch_) return {};
  next_epoch_ += static_cast<int64_t>(options_.routing.epoch_s * 1e9);
  return epoch();
}

RunResult Simulation::take_result() {
  RunResult result = recorder_.take();
  result.seed = seed_;
  result.limit = router_.limit();
  result.events = events_;
  result.published = published_;
  for (const Place& place : places_) result.region_names.push_back(place.name);
  return result;
}

double usable_share(const GatewayOptions& gateway, int gpus, double target) {
  if (gateway.search == Search::kChoices) {
    return std::pow(1 - target, 1.0 / ((gateway.retries + 1) * gateway.choices));
  }
  // Erlang's loss formula, by its recursion, for the largest load that loses no more.
  const auto busy = [&](double offered) {
    double loss = 1;
    for (int n = 1; n <= gpus; ++n) loss = offered * loss / (n + offered * loss);
    return std::pair(loss, offered * (1 - loss) / gpus);
  };
  double low = 0, high = 2.0 * gpus;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (busy(middle).first > 1 - target ? high : low) = middle;
  }
  return busy(low).second;
}

base::Result<RunResult> simulate(const Options& options, uint64_t seed, const RunContext& context) {
  const std::clock_t began = std::clock();
  ZT_ASSIGN_OR_RETURN(const std::unique_ptr<Simulation> simulation,
                      Simulation::make(options, seed));
  ZT_RETURN_IF_ERROR(simulation->run(context));
  RunResult result = simulation->take_result();
  result.seconds = static_cast<double>(std::clock() - began) / CLOCKS_PER_SEC;
  return result;
}

}  // namespace zoetrope::traffic::fleet

#include "traffic/control/observer.h"

#include <algorithm>
#include <array>
#include <set>

namespace zoetrope::traffic::control {
namespace {

using policy::Millirps;
using policy::RegionInput;
using policy::TierInput;
using Matcher = std::pair<std::string_view, std::string_view>;

constexpr std::string_view kDraining = "zoetrope_draining";
// Envoy's (docs/traffic.md, "Metrics"). Requests of users; answers by the zone that gave them; how
// many workers take requests; the table in force.
constexpr std::string_view kDemand = "envoy_http_downstream_rq_total";
constexpr std::array<Matcher, 1> kIngress{{{"envoy_http_conn_manager_prefix", "ingress"}}};
constexpr std::string_view kZoneAnswers = "envoy_cluster_zone_upstream_rq_xx";
constexpr std::string_view kHealthy = "envoy_cluster_membership_healthy";
constexpr std::string_view kMembers = "envoy_cluster_membership_total";
constexpr std::string_view kVersion = "envoy_cluster_version_text";
constexpr std::array<Matcher, 1> kLocalPool{{{"envoy_cluster_name", "pool_local"}}};
constexpr std::array<Matcher, 1> kPool{{{"envoy_cluster_name", "pool"}}};

// A scrape that is a little late still belongs to its epoch.
constexpr double kLate = 0.5;

// Draining workers answer 503: they leave the endpoint list and count as no capacity.
bool draining(const TargetState& worker) {
  return sum(worker.samples(), kDraining).value_or(0) > 0;
}

// Epochs by which a good scrape of a gateway may lag. A Prometheus server reads each target at its
// own moment of the interval (no longer than an epoch: docs/traffic.md), so its last scrape is up
// to an epoch old; the manager's own scrapes are of this epoch.
int gateway_lag(const RegionConfig& region) { return region.prometheus.port != 0 ? 1 : 0; }

// How many workers of its region a gateway thinks well of; nothing where it has no table, which
// says nothing about them. Envoy ejects a worker in the cluster whose requests failed: without
// imports `pool_local` never hears of the dead, so what `pool` has ejected counts too. That may be
// another region's import listener; then one worker too few is counted.
std::optional<double> healthy_workers(const TargetState& gateway) {
  const auto members = sum(gateway.samples(), kMembers, kLocalPool);
  const auto healthy = sum(gateway.samples(), kHealthy, kLocalPool);
  if (!healthy || members.value_or(0) <= 0) return std::nullopt;
  const auto ejected = sum(gateway.samples(), kMembers, kPool).value_or(0) -
                       sum(gateway.samples(), kHealthy, kPool).value_or(0);
  return std::min(*healthy, std::max(0.0, *members - ejected));
}

}  // namespace

Names wanted_series(const FleetConfig& config) {
  Names names;
  for (const std::string_view name :
       {kDraining, kDemand, kZoneAnswers, kHealthy, kMembers, kVersion}) {
    names.emplace(name);
  }
  for (const TierMetrics& tier : config.tier_metrics) {
    names.insert(tier.load);
    names.insert(tier.units);
  }
  return names;
}

Observer::Observer(const FleetConfig& config) : config_(config) {
  for (const RegionConfig& region : config.region_configs) {
    Region& state = regions_.emplace_back();
    for (const Address& gateway : region.gateways) state.gateway_states[gateway];
    state.workers = region.workers;
    for (const Address& worker : region.workers) state.worker_states[worker];
  }
}

void Observer::set_workers(int region, std::vector<Address> workers) {
  Region& state = regions_[region];
  const std::set<Address> listed(workers.begin(), workers.end());
  std::erase_if(state.worker_states,
                [&](const auto& entry) { return !listed.contains(entry.first); });
  for (const Address& worker : workers) state.worker_states[worker];
  state.workers = std::move(workers);
}

std::vector<Target> Observer::targets() const {
  std::vector<Target> all;
  for (int r = 0; r < static_cast<int>(regions_.size()); ++r) {
    for (const auto& [address, state] : regions_[r].gateway_states) {
      all.push_back({r, TargetKind::kGateway, address});
    }
    for (const Address& worker : regions_[r].workers)
      all.push_back({r, TargetKind::kWorker, worker});
  }
  return all;
}

bool Observer::fresh(const TargetState& state, Time now, int epochs) const {
  if (!state.seen()) return false;
  const double limit =
      (epochs + kLate) * std::chrono::duration<double>(config_.manager.epoch).count();
  return std::chrono::duration<double>(now - state.taken()).count() <= limit;
}

Observation Observer::take(std::vector<Scrape> scrapes, Time now) {
  for (Region& region : regions_) region.errors.clear();
  for (Scrape& scrape : scrapes) {
    Region& region = regions_[scrape.target.region];
    auto& states =
        scrape.target.kind == TargetKind::kGateway ? region.gateway_states : region.worker_states;
    const auto state = states.find(scrape.target.address);
    if (state == states.end()) continue;
    if (scrape.samples.ok()) {
      state->second.take(std::move(*scrape.samples), scrape.taken);
    } else {
      region.errors[scrape.target.address] = scrape.samples.status().message();
    }
  }
  Observation observation;
  observation.complete = true;
  for (Region& region : regions_) {
    RegionView& seen = observation.regions.emplace_back();
    view(region, seen, now);
    const RegionInput& told = observation.inputs.emplace_back(input(region, seen, now));
    const bool loads = std::all_of(told.tiers.begin(), told.tiers.end(), [](const TierInput& tier) {
      return tier.units && (tier.load || *tier.units == 0);
    });
    region.reported = region.reported || (told.demand && loads);
    observation.complete = observation.complete && region.reported;
  }
  return observation;
}

void Observer::view(const Region& region, RegionView& view, Time now) const {
  view.workers = static_cast<int>(region.workers.size());
  for (const Address& worker : region.workers) {
    const TargetState& state = region.worker_states.at(worker);
    const bool read = fresh(state, now, config_.policy.damping.hold_epochs);
    const auto error = region.errors.find(worker);
    if (error != region.errors.end()) view.worker_error = error->second;
    if (read) ++view.workers_read;
    if (read && draining(state)) {
      ++view.workers_draining;
    } else {
      view.endpoints.push_back(
          worker);  // one that cannot be read stays: gateways see for themselves
    }
  }
  bool all_seen = true;
  for (const auto& [address, state] : region.gateway_states) {
    GatewayView& gateway = view.gateways.emplace_back();
    gateway.address = address;
    const auto error = region.errors.find(address);
    if (error != region.errors.end()) gateway.error = error->second;
    all_seen = all_seen && state.seen();
    if (!state.seen()) continue;
    gateway.age = std::max(Time(0), now - state.taken());
    view.age = std::max(view.age.value_or(Time(0)), *gateway.age);
    for (const Sample& sample : state.samples()) {
      if (!matches(sample, kVersion, kPool)) continue;
      const auto text = sample.labels.find("text_value");
      if (text != sample.labels.end()) gateway.version = text->second;
    }
    if (!fresh(state, now, 1)) continue;
    const auto healthy = healthy_workers(state);
    if (healthy) view.healthy = std::max(view.healthy.value_or(0), *healthy);
  }
  if (!all_seen) view.age.reset();
}

RegionInput Observer::input(const Region& region, const RegionView& view, Time now) const {
  RegionInput input;
  rates(region, now, input);
  for (int i = 0; i < static_cast<int>(config_.tier_metrics.size()); ++i) {
    input.tiers.push_back(tier(region, view, i, now));
  }
  return input;
}

// All gateways of the region, or nothing: what one of them does not say is not 0.
void Observer::rates(const Region& region, Time now, RegionInput& input) const {
  const int count = config_.regions.size();
  const int lag = gateway_lag(config_.region_configs[&region - regions_.data()]);
  double demand = 0;
  std::vector<double> admitted(count, 0.0);
  for (const auto& [address, state] : region.gateway_states) {
    const auto rate =
        fresh(state, now, lag) ? state.rate(kDemand, kIngress) : std::optional<double>();
    if (!rate) return;
    demand += *rate;
    for (int t = 0; t < count; ++t) {
      const std::array<Matcher, 3> answers{{{"envoy_cluster_name", "pool"},
                                            {"envoy_response_code_class", "2"},
                                            {"to_region", config_.regions.list[t].name}}};
      const bool exists =
          std::any_of(state.samples().begin(), state.samples().end(),
                      [&](const Sample& s) { return matches(s, kZoneAnswers, answers); });
      // Envoy makes a counter when it first counts: none means that nothing went there.
      const auto there = exists ? state.rate(kZoneAnswers, answers) : 0.0;
      if (!there) return;
      admitted[t] += *there;
    }
  }
  const auto total = policy::to_millirps(demand);
  if (!total) return;
  std::vector<Millirps> row;
  for (const double rate : admitted) {
    const auto exact = policy::to_millirps(rate);
    if (!exact) return;
    row.push_back(*exact);
  }
  input.demand = total;
  input.admitted = std::move(row);
}

TierInput Observer::tier(const Region& region, const RegionView& view, int index, Time now) const {
  const TierMetrics& metrics = config_.tier_metrics[index];
  const bool workers = metrics.source == TierSource::kWorkers;
  // A gateway has to be read every time; one worker of many may miss some.
  const int lag = gateway_lag(config_.region_configs[&region - regions_.data()]);
  const int epochs = workers ? config_.policy.damping.hold_epochs : lag;
  double load = 0;
  double units = 0;
  size_t read = 0;
  const auto& states = workers ? region.worker_states : region.gateway_states;
  for (const auto& [address, state] : states) {
    if (!fresh(state, now, epochs)) continue;
    const auto one_load = sum(state.samples(), metrics.load);
    const auto one_units = sum(state.samples(), metrics.units);
    if (!one_load || !one_units) continue;
    ++read;
    if (workers && draining(state)) continue;
    load += *one_load;
    units += *one_units;
  }
  const bool enough = workers ? 2 * read > states.size() : read == states.size();
  if (!enough && workers && view.healthy) {
    // The gateways see the workers too. Where they agree that the workers are gone, they are.
    if (*view.healthy == 0) return {.load = 0, .units = 0};
    if (2 * *view.healthy >= static_cast<double>(states.size())) return {};
    units = std::min(units, *view.healthy);
  } else if (!enough) {
    return {};
  }
  if (workers && view.healthy && *view.healthy == 0 && !states.empty()) units = 0;
  return {.load = units > 0 ? load / units : 0, .units = units};
}

}  // namespace zoetrope::traffic::control

#include "traffic/control/status_json.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "traffic/control/words.h"

namespace zoetrope::traffic::control {
namespace {

using nlohmann::json;

double seconds(Time time) { return std::chrono::duration<double>(time).count(); }
double rps(policy::Millirps rate) { return static_cast<double>(rate) / 1000; }

// JSON has no infinity: null.
json finite(double value) { return std::isfinite(value) ? json(value) : json(nullptr); }

json gateways(const RegionView& region, const std::optional<Publication>& publication) {
  json all = json::array();
  for (const GatewayView& gateway : region.gateways) {
    const bool lags = publication && !gateway.version.empty() &&
                      gateway.version != std::to_string(publication->version);
    all.push_back({{"address", to_string(gateway.address)},
                   {"age_s", gateway.age ? json(seconds(*gateway.age)) : json(nullptr)},
                   {"version", gateway.version},
                   {"lags", lags},
                   {"error", gateway.error}});
  }
  return all;
}

json report_json(const policy::RegionReport& report) {
  return {{"demand_rps", rps(report.demand)},
          {"capacity_rps", rps(report.capacity)},
          {"utilisation_at_home", finite(report.utilisation_at_home)},
          {"planned_utilisation", finite(report.planned_utilisation)},
          {"measured_utilisation",
           report.measured_utilisation ? finite(*report.measured_utilisation) : json(nullptr)},
          {"level", report.level},
          {"stuck", report.stuck},
          {"residual_rps", rps(report.residual)},
          {"age_epochs", report.age_epochs},
          {"stale", report.stale},
          {"dead", report.dead}};
}

json region_json(const Snapshot& snapshot, const FleetConfig& config,
                 const policy::Topology& topology, int r) {
  json region = {{"name", config.regions.list[r].name},
                 {"continent", config.regions.list[r].continent}};
  if (static_cast<size_t>(r) < snapshot.observation.regions.size()) {
    const RegionView& view = snapshot.observation.regions[r];
    const auto& row = snapshot.observation.inputs[r].admitted;
    json admitted = json::array();
    for (const policy::Millirps rate : row) admitted.push_back(rps(rate));
    region["workers"] = {{"listed", view.workers},
                         {"read", view.workers_read},
                         {"draining", view.workers_draining},
                         {"healthy", view.healthy ? json(*view.healthy) : json(nullptr)},
                         {"error", view.worker_error}};
    region["input_age_s"] = view.age ? json(seconds(*view.age)) : json(nullptr);
    region["gateways"] = gateways(view, snapshot.publication);
    region["admitted_rps"] = std::move(admitted);
  }
  if (snapshot.publication) {
    const policy::Table& table = snapshot.publication->table;
    region["row"] = std::vector<int>(table.weight.row(r), table.weight.row(r) + table.size());
    region["drop"] = table.drop[r];
    region["words"] = row_in_words(*snapshot.publication, r);
  }
  if (snapshot.decision) {
    const policy::RegionReport& report = snapshot.decision->regions[r];
    region["report"] = report_json(report);
    if (snapshot.publication) {
      region["why"] = why(topology, config.policy, *snapshot.publication, report, r);
    }
  }
  json rings = json::array();
  json rtt = json::array();
  for (int t = 0; t < config.regions.size(); ++t) {
    rings.push_back(topology.ring.at(r, t));
    rtt.push_back(static_cast<double>(config.regions.rtt.at(r, t).count()) / 1000);
  }
  region["rings"] = std::move(rings);
  region["rtt_ms"] = std::move(rtt);
  return region;
}

}  // namespace

json status_json(const Snapshot& snapshot, const FleetConfig& config,
                 const policy::Topology& topology, Time now) {
  json regions = json::array();
  for (int r = 0; r < config.regions.size(); ++r) {
    regions.push_back(region_json(snapshot, config, topology, r));
  }
  json events = json::array();
  for (const Event& event : snapshot.events) {
    events.push_back(
        {{"age_s", seconds(now - event.at)}, {"version", event.version}, {"words", event.words}});
  }
  json refusals = json::array();
  for (const Refusal& refusal : snapshot.refusals) {
    refusals.push_back({{"id", refusal.id}, {"what", refusal.what}});
  }
  json unreachable = json::array();
  for (const auto& [s, t] : snapshot.unreachable) unreachable.push_back({s, t});
  const bool ours = snapshot.published != Time(0);
  return {{"epoch", snapshot.epoch},
          {"epoch_s", std::chrono::duration<double>(config.manager.epoch).count()},
          {"epoch_age_s", snapshot.epoch > 0 ? json(seconds(now - snapshot.at)) : json(nullptr)},
          {"waiting", snapshot.waiting},
          {"leads", snapshot.standing.leads},
          {"leader", snapshot.standing.leader},
          {"lease_error", snapshot.lease_error},
          {"version", snapshot.publication ? snapshot.publication->version : 0},
          {"published_age_s", ours ? json(seconds(now - snapshot.published)) : json(nullptr)},
          {"thresholds", config.policy.routing.thresholds},
          {"regions", std::move(regions)},
          {"unreachable", std::move(unreachable)},
          {"refusals", std::move(refusals)},
          {"events", std::move(events)}};
}

}  // namespace zoetrope::traffic::control

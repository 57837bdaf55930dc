#include "traffic/control/manager_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace zoetrope::traffic::control {
namespace {

using prometheus::Labels;

// A registry for one answer: everything is in the snapshot, and a region that was never seen has no
// series rather than a 0.
class Series {
 public:
  void gauge(const char* name, const char* help, double value, const Labels& labels = {}) {
    prometheus::BuildGauge().Name(name).Help(help).Register(registry_).Add(labels).Set(value);
  }
  void counter(const char* name, const char* help, double value) {
    prometheus::BuildCounter().Name(name).Help(help).Register(registry_).Add({}).Increment(value);
  }
  std::string text() const { return prometheus::TextSerializer().Serialize(registry_.Collect()); }

 private:
  prometheus::Registry registry_;
};

double seconds(Time time) { return std::chrono::duration<double>(time).count(); }

void of_manager(Series& series, const Snapshot& snapshot, Time now) {
  series.counter("zoetrope_traffic_epochs_total", "Epochs run",
                 static_cast<double>(snapshot.epoch));
  series.gauge("zoetrope_traffic_epoch_age_seconds", "Since the last epoch",
               seconds(now - snapshot.at));
  series.gauge("zoetrope_traffic_version", "Version of the table that is served",
               snapshot.publication ? static_cast<double>(snapshot.publication->version) : 0);
  series.counter("zoetrope_traffic_publications_total", "Tables published or adopted",
                 static_cast<double>(snapshot.publications));
  series.counter("zoetrope_traffic_failed_scrapes_total", "Workers and gateways not read",
                 static_cast<double>(snapshot.failed_scrapes));
  series.gauge("zoetrope_traffic_leads", "1 while this manager publishes",
               snapshot.standing.leads ? 1 : 0);
  series.gauge("zoetrope_traffic_waiting", "1 until a first full scrape", snapshot.waiting ? 1 : 0);
  series.gauge("zoetrope_traffic_refusals", "Changes held back until overridden",
               static_cast<double>(snapshot.refusals.size()));
  series.gauge("zoetrope_traffic_unreachable_pairs",
               "Pairs of regions that do not reach each other",
               static_cast<double>(snapshot.unreachable.size()));
}

void of_decision(Series& series, const policy::RegionReport& report, const Labels& region) {
  series.gauge("zoetrope_traffic_demand_rps", "Smoothed demand of a region's users",
               static_cast<double>(report.demand) / 1000, region);
  series.gauge("zoetrope_traffic_capacity_rps", "Rate at which a region's utilisation is 1",
               static_cast<double>(report.capacity) / 1000, region);
  series.gauge("zoetrope_traffic_utilisation", "Planned with the published table",
               report.planned_utilisation, region);
  series.gauge("zoetrope_traffic_utilisation_at_home", "If all demand stayed at home",
               report.utilisation_at_home, region);
  if (report.measured_utilisation) {
    series.gauge("zoetrope_traffic_utilisation_measured", "As the region reports it",
                 *report.measured_utilisation, region);
  }
  series.gauge("zoetrope_traffic_residual_rps", "Demand that nobody has capacity for",
               static_cast<double>(report.residual) / 1000, region);
  series.gauge("zoetrope_traffic_input_age_epochs", "Since a region's last complete report",
               report.age_epochs, region);
  series.gauge("zoetrope_traffic_frozen", "1 while a region's row is frozen", report.stale ? 1 : 0,
               region);
  series.gauge("zoetrope_traffic_dead", "1 while a region has no capacity", report.dead ? 1 : 0,
               region);
}

void of_region(Series& series, const Snapshot& snapshot, const policy::Topology& topology, int r,
               const std::string& name) {
  const RegionView& view = snapshot.observation.regions[r];
  int lagging = 0;
  for (const GatewayView& gateway : view.gateways) {
    const bool lags = snapshot.publication && !gateway.version.empty() &&
                      gateway.version != std::to_string(snapshot.publication->version);
    lagging += lags ? 1 : 0;
  }
  series.gauge("zoetrope_traffic_gateways_lagging", "Gateways with another table than this one",
               lagging, {{"region", name}});
  series.gauge("zoetrope_traffic_workers_read", "Workers read lately", view.workers_read,
               {{"region", name}});
  if (view.age) {
    series.gauge("zoetrope_traffic_input_age_seconds", "Since a region's gateways were all read",
                 seconds(*view.age), {{"region", name}});
  }
  if (!snapshot.publication) return;
  const policy::Table& table = snapshot.publication->table;
  int by_ring[policy::kRings + 1] = {};
  for (int t = 0; t < table.size(); ++t) {
    const int ring = topology.ring.at(r, t);
    if (ring <= policy::kRings) by_ring[ring] += table.weight.at(r, t);
  }
  for (int ring = 0; ring <= policy::kRings; ++ring) {
    series.gauge("zoetrope_traffic_weight", "Of 10,000 requests, how many go to this ring",
                 by_ring[ring], {{"region", name}, {"ring", std::to_string(ring)}});
  }
  series.gauge("zoetrope_traffic_drop_ratio", "Share that a region's gateways refuse",
               static_cast<double>(table.drop[r]) / policy::kDropSum, {{"region", name}});
}

}  // namespace

std::string metrics_text(const Snapshot& snapshot, const FleetConfig& config,
                         const policy::Topology& topology, Time now) {
  Series series;
  of_manager(series, snapshot, now);
  for (size_t r = 0; r < snapshot.observation.regions.size(); ++r) {
    const std::string& name = config.regions.list[r].name;
    of_region(series, snapshot, topology, static_cast<int>(r), name);
    if (snapshot.decision) of_decision(series, snapshot.decision->regions[r], {{"region", name}});
  }
  return series.text();
}

}  // namespace zoetrope::traffic::control

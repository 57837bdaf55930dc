// The fleet as its operator describes it, in one TOML file: regions, round trips, workers,
// gateways, thresholds, how the manager runs. docs/traffic.md lists every field; a complaint names
// file, line and field. Plain values.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "traffic/control/address.h"
#include "traffic/policy/options.h"
#include "traffic/policy/regions.h"

namespace zoetrope::traffic::control {

struct EtcdConfig {
  std::vector<Address> endpoints;  // empty: one manager, no lease
  std::string prefix = "zoetrope/traffic";
  std::chrono::seconds lease{15};
};

struct ManagerConfig {
  Address listen{"127.0.0.1", 17000};
  // Under which gateways and agents reach it; `listen` unless said otherwise.
  Address address{"127.0.0.1", 17000};
  std::filesystem::path state;  // folder of the last good table
  std::chrono::milliseconds epoch{5000};
  std::chrono::milliseconds scrape_timeout{2000};
  // After a start, epochs to wait for regions that do not answer before going on without them.
  int start_epochs = 12;
  EtcdConfig etcd;
};

// Whose metrics tell the load of a tier.
enum class TierSource { kWorkers, kGateways };

// load = sum of `load` / sum of `units` over a region's workers or gateways.
struct TierMetrics {
  TierSource source = TierSource::kWorkers;
  std::string load = "zoetrope_load";
  std::string units = "zoetrope_slots";
};

struct RegionConfig {
  Address ingress;                // where users arrive; the gateway's listener
  Address import;                 // where other regions send what they cannot serve
  std::vector<Address> gateways;  // admin addresses, for their metrics
  std::vector<Address> workers;
  std::filesystem::path workers_file;  // more of them, one a line; read every epoch
  // A Prometheus server that scrapes this region's workers and gateways; unset (port 0): the
  // manager scrapes them itself.
  Address prometheus;
};

struct FleetConfig {
  ManagerConfig manager;
  policy::Options policy;
  std::vector<TierMetrics> tier_metrics;  // one for each of policy.tiers
  policy::Regions regions;
  std::vector<RegionConfig> region_configs;  // as regions.list
  std::map<std::string, double> runtime;     // keys of Envoy's runtime, served over RTDS

  // -1 if there is none of this name.
  int find(std::string_view region) const;
};

// `source` stands in complaints; relative paths in the text are taken from `folder`.
base::Result<FleetConfig> parse_fleet_config(std::string_view text, std::string_view source,
                                             const std::filesystem::path& folder);
base::Result<FleetConfig> read_fleet_config(const std::filesystem::path& path);

// Addresses in a workers file: one a line, '#' starts a comment.
base::Result<std::vector<Address>> parse_workers(std::string_view text, std::string_view source);

}  // namespace zoetrope::traffic::control

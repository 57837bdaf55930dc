// From scrapes of single workers and gateways to what the policy is told of each region.
//
// What is missing stays missing: a region whose gateways were not all read reports no demand, one
// most of whose workers were not read reports no load, and the policy holds what it knew. Only
// where the gateways themselves say that no worker is left does a region count as dead.
//
// Pure: told the time. Owned by one thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "traffic/control/fleet_config.h"
#include "traffic/control/scrape.h"
#include "traffic/control/target_state.h"
#include "traffic/policy/policy.h"

namespace zoetrope::traffic::control {

struct GatewayView {
  Address address;
  std::optional<Time> age;  // since its last good scrape; nothing: never read
  std::string version;      // of the table in force there; empty: not known
  std::string error;        // of the last scrape; empty: it was good
};

struct RegionView {
  int workers = 0;       // listed
  int workers_read = 0;  // read within the last few epochs
  int workers_draining = 0;
  std::optional<Time> age;  // of the oldest gateway's last good scrape
  std::vector<GatewayView> gateways;
  std::string worker_error;        // of one worker that was not read; empty: all were
  std::vector<Address> endpoints;  // workers that may get requests
  std::optional<double> healthy;   // workers that the gateways think well of
};

struct Observation {
  std::vector<policy::RegionInput> inputs;
  std::vector<RegionView> regions;
  bool complete = false;  // every region has reported demand and load at least once
};

class Observer {
 public:
  explicit Observer(const FleetConfig& config);

  // The workers of a region, from its configuration and its workers file.
  void set_workers(int region, std::vector<Address> workers);

  std::vector<Target> targets() const;
  Observation take(std::vector<Scrape> scrapes, Time now);

 private:
  struct Region {
    std::vector<Address> workers;
    std::map<Address, TargetState> worker_states;
    std::map<Address, TargetState> gateway_states;
    std::map<Address, std::string> errors;  // of the last scrape
    bool reported = false;
  };

  bool fresh(const TargetState& state, Time now, int epochs) const;
  void view(const Region& region, RegionView& view, Time now) const;
  policy::RegionInput input(const Region& region, const RegionView& view, Time now) const;
  void rates(const Region& region, Time now, policy::RegionInput& input) const;
  policy::TierInput tier(const Region& region, const RegionView& view, int index, Time now) const;

  const FleetConfig config_;
  std::vector<Region> regions_;
};

// The series that are read of a target.
Names wanted_series(const FleetConfig& config);

}  // namespace zoetrope::traffic::control

// RoutingPolicy: one routing table an epoch (5 s) from what the regions report. The manager, the
// simulator and the rehearsal run this very object.
//
// Around the solver it keeps what needs memory: smoothed demand, load slopes, held values of inputs
// that are missing, the published table, and the damping between tables. No I/O, no clock, no
// random numbers: the same calls give the same tables. Owned by one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/result.h"
#include "traffic/policy/options.h"
#include "traffic/policy/regions.h"
#include "traffic/policy/solver.h"
#include "traffic/policy/table.h"

namespace zoetrope::traffic::policy {

// What one region reports of one tier. A value that is NaN, infinite or negative counts as missing.
struct TierInput {
  std::optional<double> load;   // mean over the units, 0 to 1: for workers, the busy share
  std::optional<double> units;  // that take work: for workers, the ready ones. 0: dead
};

// What one region reports in one epoch. Missing values are held for DampingOptions::hold_epochs.
struct RegionInput {
  // Unique requests offered by users at the region's gateway: neither its retries nor imports.
  std::optional<Millirps> demand;
  // By destination, the requests of this gateway that were admitted there (Envoy's zone counters,
  // 2xx); empty: missing. With the load of the destinations it gives the slopes.
  std::vector<Millirps> admitted;
  std::vector<TierInput> tiers;  // as many as Options::tiers
};

struct EpochInputs {
  std::vector<RegionInput> regions;
  // (source, destination) pairs that cannot reach each other now: excluded for that source alone.
  std::vector<std::pair<int, int>> unreachable;
};

// What was concluded of one region, for status pages and reports.
struct RegionReport {
  Millirps demand = 0;             // smoothed
  Millirps capacity = 0;           // at u = 1, by its tightest tier
  int tier = 0;                    // that tier
  double utilisation_at_home = 0;  // if all its demand stayed; infinite: demand and no capacity
  double planned_utilisation = 0;  // with the published table and this demand
  std::optional<double> measured_utilisation;  // load / limit of the hottest tier, as reported
  std::vector<double> cost_s;                  // learned unit-seconds a request, by tier
  double relief = 0;                           // hysteresis in force, 0 to DampingOptions::exit
  int level = 0;                               // rings unlocked by its own demand
  bool stuck = false;                          // hot, and nothing in reach takes more
  Millirps residual = 0;                       // demand that nobody has capacity for
  int age_epochs = 0;                          // since the last complete report
  bool stale = false;                          // beyond hold_epochs: row frozen, no new imports
  bool dead = false;                           // reports capacity 0
};

struct Decision {
  // False: the published table stands. True: `table` differs from the last one and replaces it.
  bool publish = false;
  Table table;  // in force after this epoch
  Plan plan;    // where the solver wants to be, undamped
  std::vector<RegionReport> regions;
  std::vector<std::uint8_t> row_changed;  // rows that differ from the last table's
};

class RoutingPolicy {
 public:
  // Fails as make_topology() and validate(Options) do.
  static base::Result<RoutingPolicy> make(const Regions& regions, Options options);

  // The table in force before the first step: home_table() unless a manager that starts again
  // brings its last one.
  base::Status restore(Table table);

  // One epoch. Fails, changing nothing, when a vector has the wrong length or a pair names no
  // region; whatever the values are, it does not fail.
  base::Result<Decision> step(const EpochInputs& inputs);

  const Topology& topology() const { return topology_; }
  const Options& options() const { return options_; }
  const Table& table() const { return table_; }

 private:
  struct TierState {
    double cost_s;
    double units = 0;
    bool units_known = false;
  };
  struct RegionState {
    Millirps demand = 0;
    bool demand_known = false;
    std::vector<TierState> tiers;
    double relief = 0;
    int age_epochs = 0;
  };

  struct Capacity {
    Millirps rate;
    int tier;
  };

  RoutingPolicy(Topology topology, Options options);

  void take_up(const RegionInput& input, RegionState& state) const;
  void learn_costs(const EpochInputs& inputs);
  bool is_stale(const RegionState& state) const;
  bool is_dead(const RegionState& state) const;
  Capacity capacity_of(const RegionState& state) const;
  // Pairs that no traffic may use: a dead destination, or one out of reach of this source.
  Matrix<std::uint8_t> find_blocked(const EpochInputs& inputs) const;
  Problem pose(const Matrix<std::uint8_t>& blocked);
  double relief_of(int region, Millirps demand, Millirps capacity) const;
  void report(const EpochInputs& inputs, const Problem& problem, Decision& decision) const;

  Options options_;
  Topology topology_;
  std::vector<RegionState> states_;
  Table table_;
};

}  // namespace zoetrope::traffic::policy

// What a simulation is told: the fleet, its load, who retries how, what fails. Plain values; read
// from TOML by scenario_file.h.
//
// A scenario has arms: the same world with some fields changed, to be compared. Its gate is data
// too: bounds on figures of arms, and orders between them.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "traffic/fleet/world.h"
#include "traffic/policy/options.h"
#include "traffic/policy/table.h"
#include "traffic/submit/smear.h"
#include "traffic/submit/submitter.h"

namespace zoetrope::traffic::fleet {

// Of GPUs and demand by region.
enum class Sizes { kEqual, kPopulation };

struct WorldOptions {
  int regions = 12;
  int gpus = 400;  // a region, on average
  Sizes sizes = Sizes::kEqual;
  // A fleet of one's own (a plan's): where it is and what stands there. Empty: as above.
  std::vector<Place> places;
  std::vector<int> gpus_by_place;
  double service_s = 4;             // mean time a job holds its GPU
  double service_variation = 0.15;  // its coefficient of variation
  double job_round_trips = 6;       // what an accepted job costs: connection, upload, answer, clip
};

// Demand of `regions` (names; empty: all) times `factor` from `from_s` to `to_s`; with `to_factor`
// a straight line from one to the other.
struct DemandChange {
  std::vector<std::string> regions;
  double from_s = 0;
  double to_s = 0;
  double factor = 1;
  double to_factor = 1;
};

struct DemandOptions {
  double utilisation = 0.65;  // offered work over GPUs, before what follows
  double daily_ratio = 1;     // peak over trough of a region's day, by local time
  double start_h = 0;         // UTC hour at the start
  // A share of each region's demand comes in batches, every `batch_period_s` for `batch_width_s`,
  // the regions taking turns, so that the sum over regions stays smooth.
  double batch_share = 0;
  double batch_period_s = 60;
  double batch_width_s = 2;
  std::vector<DemandChange> changes;
  // Jobs a second by place and UTC hour, instead of all that (changes apply). Empty: none.
  std::vector<std::array<double, 24>> hourly;
};

// Which free worker a try finds. kFullScan sees every worker as it is. kOwnScan is Envoy's
// FULL_SCAN: a gateway counts what it sent to each worker itself, and what its import listener sent
// (a cluster of its own) is out of its sight, and the other way round.
enum class Search { kChoices, kFullScan, kOwnScan };

struct GatewayOptions {
  int retries = 8;
  int import_retries = 2;
  Search search = Search::kChoices;
  int choices = 1;          // workers looked at by one try
  submit::Backoff backoff;  // between tries; base 0: at once
  submit::Backoff import_backoff = {std::chrono::milliseconds(25), std::chrono::milliseconds(250)};
  // Tries an ingress can make in a second; 0: any number. Those beyond it wait their turn, and one
  // whose client has gone is still made.
  double attempts_per_s = 0;
};

struct ClientOptions {
  bool resubmit = false;
  submit::SubmitOptions submit;
  double deadline_s = 600;  // of a job, over all submissions; later is no success
  double patience_s = 0;    // a submission that no worker took by then is given up; 0: never
  submit::Smear smear;
};

enum class Routing {
  kGlobal,   // any region, by its size: before regional routing
  kHome,     // the user's region only
  kNearest,  // home, then each next-nearest region after two refusals
  kTable,    // the routing table of traffic/policy
};

struct RoutingOptions {
  Routing kind = Routing::kTable;
  double epoch_s = 5;
  // Success within one submission that counts as enough: sets the busy share at which the policy
  // takes a region for full (usable_share).
  double target = 0.99;
  double ejection_s = 2;   // until a gateway stops asking workers that do not answer
  policy::Options policy;  // its one tier is set from the world and the target
  // This one all the time, instead of what the policy says: for comparing with a live fleet.
  std::optional<policy::Table> table = {};
};

enum class FaultKind {
  kGpuBlackout,      // `share` of the region's GPUs vanish with their jobs
  kIngressBlackout,  // no user of the region gets through to any gateway
  kManagerDown,      // no new tables
  kStaleMetrics,     // the region's metrics stand still
  kPartition,        // `region` and `peer` cannot reach each other
};

struct Fault {
  FaultKind kind = FaultKind::kManagerDown;
  std::string region;
  std::string peer;
  double from_s = 0;
  double to_s = 0;
  double share = 1;
};

// A window of time; a job belongs to the phase in which it was born.
struct Phase {
  std::string name;
  double from_s = 0;
  double to_s = 0;
};

struct Options {
  WorldOptions world;
  DemandOptions demand;
  GatewayOptions gateway;
  ClientOptions client;
  RoutingOptions routing;
  std::vector<Fault> faults;
  std::vector<Phase> phases;
  double duration_s = 600;
  double warm_up_s = 30;  // before it nothing is counted
  double sample_s = 1;    // of the time series
};

// The busy share at which a request still finds a worker with probability `target` within one
// submission: eps^(1 / ((n + 1) k)). With FULL_SCAN no guess can fail but the last worker may be
// taken: then the share at which Erlang's loss formula gives 1 - target for `gpus` workers.
double usable_share(const GatewayOptions& gateway, int gpus, double target);

struct Arm {
  std::string name;
  Options options;
};

// A bound on `metric` (metrics.h) of `arm` in `phase`. With `than` the bounds are on the metric
// less `times` that of the arm `than`.
struct Gate {
  std::string metric;
  std::string arm;    // empty: every arm
  std::string phase;  // empty: the whole run
  std::optional<double> at_least;
  std::optional<double> at_most;
  std::string than;
  double times = 1;
  std::vector<std::string> order;  // or: the metric rises along these arms
};

struct Scenario {
  std::string name;  // "S4"
  std::string title;
  std::string about;  // what is shown, in a sentence or two
  int seeds = 5;
  std::vector<Arm> arms;
  std::vector<Gate> gates;
};

}  // namespace zoetrope::traffic::fleet

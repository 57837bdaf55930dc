// Every figure of the routing policy that is a choice. Values.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "traffic/policy/regions.h"

namespace zoetrope::traffic::policy {

// How far the offload loop goes.
enum class Passes {
  // Meta's algorithm: a receiver is never filled beyond the first threshold.
  kLiteral,
  // Two more passes, in which regions hotter than the second and third threshold may fill others up
  // to those: at a global load of 0.9 the literal algorithm leaves 3 % of the demand above capacity
  // in places while others have room.
  kExtended,
};

// What becomes of demand that no region has capacity for.
enum class Shed {
  kNever,     // it stays home: workers refuse it, clients come again
  kAtSource,  // the source's gateway refuses that share (Envoy: drop_overloads)
};

// The offload loop (solver.h).
struct RoutingOptions {
  // Utilisation above which ring 1, 2, 3 is unlocked. ServiceRouter's example is .55, .65, .80 of
  // busy; here 1 is *usable* capacity (Tier::limit), hence higher.
  std::array<double, kRings> thresholds{.80, .90, 1.00};
  // A receiver is filled up to threshold - margin, so that it does not at once become a sender.
  double margin = .02;
  // One move, as a share of the source's capacity or demand, whichever is more.
  double chunk = .01;
  Passes passes = Passes::kExtended;

  bool operator==(const RoutingOptions&) const = default;
};

// One kind of capacity that requests use up: the GPU workers, a gateway's cores, ... A region's
// utilisation is that of its hottest tier.
struct Tier {
  std::string name = "worker";
  // Load of a unit at which u = 1. For workers that take one request at a time it is the busy share
  // at which a request still finds a free one: eps^(1/((n+1)k)) for n retries, each with k choices;
  // .88 is n = 8, k = 4 at 99 % (traffic.md section 2).
  double limit = .88;
  // Benchmark prior of unit-seconds used by a request. For workers: the mean service time.
  double prior_s = 4.0;

  bool operator==(const Tier&) const = default;
};

// Load slopes: how much load a request/s adds, learned from measured load and measured traffic.
struct SlopeOptions {
  double gain = .2;         // EWMA, per epoch
  double lowest = .5;       // clamp, times the prior
  double highest = 2.0;     // clamp, times the prior
  double quiet_load = .05;  // below this load the prior alone counts

  bool operator==(const SlopeOptions&) const = default;
};

// What keeps the table from swinging. An epoch is 5 s.
struct DampingOptions {
  // Smoothing of demand: share of the way per epoch when it rises, and when it falls.
  double rise = .7;
  double fall = .15;
  // A spill that began at a threshold is taken back only once the region would be this much below.
  double exit = .05;
  // Share of the way to the new table per epoch (Taiji: .8).
  double step = .8;
  // Most that a table change adds to a destination's utilisation in an epoch (Taiji: .04).
  double most_rise = .05;
  // A row is not published anew when it differs by less (L1 of shares, dropped share included) and
  // no destination's utilisation by more than most_rise.
  double least_change = .01;
  // Epochs for which a missing input keeps its last value. Later the region's row is frozen and it
  // gets no new imports.
  int hold_epochs = 3;

  bool operator==(const DampingOptions&) const = default;
};

struct Options {
  RingBounds rings;
  RoutingOptions routing;
  std::vector<Tier> tiers{Tier{}};
  SlopeOptions slope;
  DampingOptions damping;
  Shed shed = Shed::kAtSource;

  bool operator==(const Options&) const = default;
};

// The message starts with the field at fault, under the names below: "thresholds: ...".
base::Status validate(const Options& options);

// The numeric fields by the name they have in configuration files: near_rtt_ms, far_rtt_ms,
// threshold_1, threshold_2, threshold_3, margin, chunk, slope_gain, slope_lowest, slope_highest,
// slope_quiet_load, demand_rise, demand_fall, exit, step, most_rise, least_change, hold_epochs;
// and by words: passes = literal | extended, shed = never | at_source. Tiers are the caller's.
// Ranges are left to validate().
base::Status set_number(Options& options, std::string_view field, double value);
base::Status set_word(Options& options, std::string_view field, std::string_view value);

}  // namespace zoetrope::traffic::policy

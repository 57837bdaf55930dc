// The routing-table algorithm: all demand home first, then chunk by chunk from the hottest region
// to one of the nearest ring that its heat has unlocked. A pure function on integers: bit-
// reproducible, and independent of how the regions are numbered.
//
// It knows nothing of the past; RoutingPolicy (policy.h) wraps it in slopes and damping.
#pragma once

#include <cstdint>
#include <vector>

#include "traffic/policy/options.h"
#include "traffic/policy/regions.h"

namespace zoetrope::traffic::policy {

// One epoch. Vectors have one entry a region; those under "optional" may be empty.
struct Problem {
  std::vector<Millirps> demand;    // unique requests offered at the region's gateway
  std::vector<Millirps> capacity;  // rate at which the region's utilisation is 1; 0: dead

  // Optional.
  std::vector<double> relief;  // the region's thresholds count as lower by this (hysteresis)
  Matrix<Millirps> current;    // flows in force: within a ring these targets are refilled first
  Matrix<Millirps> most;       // most that may flow from source to target
  std::vector<std::uint8_t> frozen;  // the row is `current`, scaled to demand, whatever the load
};

struct Plan {
  Matrix<Millirps> flow;            // rows sum to the demand
  std::vector<Millirps> inflow;     // columns summed
  std::vector<Millirps> residual;   // what is above capacity at home and found no taker
  std::vector<std::uint8_t> stuck;  // above its first threshold, and nothing in reach takes more
  std::vector<int> level;           // rings that the region's own demand alone unlocks, 0 to kRings
  int moves = 0;

  Millirps total_residual() const;
};

// Preconditions: `options` validated, rates within [0, kMostMillirps].
Plan solve(const Topology& topology, const RoutingOptions& options, const Problem& problem);

}  // namespace zoetrope::traffic::policy

// One step from the table in force towards a plan: how far, how fast, and whether at all. A pure
// function on integers.
#pragma once

#include <cstdint>
#include <vector>

#include "traffic/policy/options.h"
#include "traffic/policy/solver.h"
#include "traffic/policy/table.h"

namespace zoetrope::traffic::policy {

struct Step {
  const DampingOptions& damping;
  Shed shed;
  const std::vector<int>& order;            // Topology::order
  const Table& from;                        // in force
  const Plan& plan;                         // where to
  const std::vector<Millirps>& capacity;    // Problem::capacity
  const Matrix<std::uint8_t>& blocked;      // (source, destination): dead or out of reach
  const std::vector<std::uint8_t>& frozen;  // rows that change only where they are blocked
};

// The next table; equal to `from` where nothing is worth a change. Traffic leaves a blocked
// destination at once. Apart from that a destination's planned load rises by no more than
// DampingOptions::most_rise of its capacity, give or take the rounding of weights.
Table next_table(const Step& step);

}  // namespace zoetrope::traffic::policy

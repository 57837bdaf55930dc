// The routing table as gateways get it: for each source region integer weights over regions.
// Values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "traffic/policy/matrix.h"
#include "traffic/policy/regions.h"

namespace zoetrope::traffic::policy {

// Envoy's LocalityLbEndpoints.load_balancing_weight; every row sums to this.
constexpr int kWeightSum = 10'000;
// Envoy's FractionalPercent with denominator MILLION.
constexpr int kDropSum = 1'000'000;

struct Table {
  // weight.at(s, t): of kWeightSum requests *admitted* in s, how many go to t. 0: t is left out
  // of s's endpoints.
  Matrix<int> weight;
  // Of kDropSum requests that arrive at s, how many are refused there (drop_overloads).
  std::vector<int> drop;

  int size() const { return weight.size(); }
  bool operator==(const Table&) const = default;
};

// Every region serves its own; nothing is dropped.
Table home_table(int regions);

// Whether the table is one for `regions` regions: sizes, no negative weight, sums, drop in range.
base::Status validate(const Table& table, int regions);

// Integer weights for `flow`, by largest remainder (ties: the larger flow, then `order`): they sum
// to kWeightSum and each is within 1 of its share. Precondition: the flow's sum is > 0.
std::vector<int> apportion(const Millirps* flow, int size, const std::vector<int>& order);

}  // namespace zoetrope::traffic::policy

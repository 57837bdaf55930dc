#include "traffic/policy/policy.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "traffic/policy/damping.h"
#include "traffic/policy/shares.h"

namespace zoetrope::traffic::policy {
namespace {

using base::invalid_argument;
using base::Result;
using base::Status;

// What a dead region without demand is planned for, so that its row leads elsewhere before the
// first request comes.
constexpr Millirps kDeadDemand = 1000;

bool is_value(const std::optional<double>& value) {
  return value && std::isfinite(*value) && *value >= 0;
}

bool is_rate(Millirps rate) { return rate >= 0 && rate <= kMostMillirps; }

bool is_row(const std::vector<Millirps>& row) {
  return !row.empty() && std::all_of(row.begin(), row.end(), is_rate);
}

Status check(const EpochInputs& inputs, int size, std::size_t tiers) {
  if (static_cast<int>(inputs.regions.size()) != size) {
    return invalid_argument("regions: not one input a region");
  }
  for (const RegionInput& region : inputs.regions) {
    if (region.tiers.size() != tiers) return invalid_argument("tiers: not one input a tier");
    if (!region.admitted.empty() && static_cast<int>(region.admitted.size()) != size) {
      return invalid_argument("admitted: not one rate a region");
    }
  }
  for (const auto& [from, to] : inputs.unreachable) {
    if (from < 0 || from >= size || to < 0 || to >= size) {
      return invalid_argument("unreachable: there is no such region");
    }
  }
  return {};
}

Millirps smooth(Millirps from, Millirps to, const DampingOptions& damping) {
  return from +
         std::llround((to > from ? damping.rise : damping.fall) * static_cast<double>(to - from));
}

double ratio(Millirps load, Millirps capacity) {
  if (load == 0) return 0;
  if (capacity == 0) return std::numeric_limits<double>::infinity();
  return static_cast<double>(load) / static_cast<double>(capacity);
}

}  // namespace

Result<RoutingPolicy> RoutingPolicy::make(const Regions& regions, Options options) {
  ZT_RETURN_IF_ERROR(validate(options));
  ZT_ASSIGN_OR_RETURN(Topology topology, make_topology(regions, options.rings));
  return RoutingPolicy(std::move(topology), std::move(options));
}

RoutingPolicy::RoutingPolicy(Topology topology, Options options)
    : options_(std::move(options)),
      topology_(std::move(topology)),
      states_(topology_.size()),
      table_(home_table(topology_.size())) {
  for (RegionState& state : states_) {
    for (const Tier& tier : options_.tiers) state.tiers.push_back({tier.prior_s, 0, false});
  }
}

Status RoutingPolicy::restore(Table table) {
  ZT_RETURN_IF_ERROR(validate(table, topology_.size()));
  table_ = std::move(table);
  return {};
}

Result<Decision> RoutingPolicy::step(const EpochInputs& inputs) {
  ZT_RETURN_IF_ERROR(check(inputs, topology_.size(), options_.tiers.size()));
  for (int r = 0; r < topology_.size(); ++r) take_up(inputs.regions[r], states_[r]);
  learn_costs(inputs);

  Decision decision;
  const Matrix<std::uint8_t> blocked = find_blocked(inputs);
  const Problem problem = pose(blocked);
  decision.plan = solve(topology_, options_.routing, problem);
  Table next = next_table({options_.damping, options_.shed, topology_.order, table_, decision.plan,
                           problem.capacity, blocked, problem.frozen});
  for (int s = 0; s < topology_.size(); ++s) {
    const bool same =
        next.drop[s] == table_.drop[s] &&
        std::equal(next.weight.row(s), next.weight.row(s) + next.size(), table_.weight.row(s));
    decision.row_changed.push_back(!same);
    decision.publish |= !same;
  }
  table_ = std::move(next);
  decision.table = table_;
  report(inputs, problem, decision);
  return decision;
}

void RoutingPolicy::take_up(const RegionInput& input, RegionState& state) const {
  bool complete = input.demand && is_rate(*input.demand);
  if (complete) {
    state.demand =
        state.demand_known ? smooth(state.demand, *input.demand, options_.damping) : *input.demand;
    state.demand_known = true;
  }
  for (std::size_t m = 0; m < state.tiers.size(); ++m) {
    const TierInput& tier = input.tiers[m];
    complete &= is_value(tier.load) && is_value(tier.units);
    if (!is_value(tier.units)) continue;
    state.tiers[m].units = *tier.units;
    state.tiers[m].units_known = true;
  }
  state.age_epochs = complete ? 0 : state.age_epochs + 1;
}

// Little's law: units in use = rate * unit-seconds a request. Only where the whole inflow is known.
void RoutingPolicy::learn_costs(const EpochInputs& inputs) {
  const int size = topology_.size();
  for (int r = 0; r < size; ++r) {
    Millirps inflow = 0;
    bool known = true;
    for (int s = 0; s < size; ++s) {
      const std::vector<Millirps>& row = inputs.regions[s].admitted;
      if (is_row(row)) {
        inflow += row[r];
      } else {
        known &= table_.weight.at(s, r) == 0;
      }
    }
    for (std::size_t m = 0; m < options_.tiers.size(); ++m) {
      const TierInput& input = inputs.regions[r].tiers[m];
      if (!known || !is_value(input.load) || !is_value(input.units)) continue;
      const double prior = options_.tiers[m].prior_s;
      double cost = prior;
      if (*input.load >= options_.slope.quiet_load) {
        if (inflow == 0) continue;
        cost = *input.load * *input.units / (static_cast<double>(inflow) / 1000);
      }
      cost = std::clamp(cost, options_.slope.lowest * prior, options_.slope.highest * prior);
      double& learned = states_[r].tiers[m].cost_s;
      learned += options_.slope.gain * (cost - learned);
    }
  }
}

bool RoutingPolicy::is_stale(const RegionState& state) const {
  const auto known = [](const TierState& tier) { return tier.units_known; };
  return state.age_epochs >= std::max(options_.damping.hold_epochs, 1) || !state.demand_known ||
         !std::all_of(state.tiers.begin(), state.tiers.end(), known);
}

bool RoutingPolicy::is_dead(const RegionState& state) const {
  return std::any_of(state.tiers.begin(), state.tiers.end(),
                     [](const TierState& tier) { return tier.units_known && tier.units == 0; });
}

RoutingPolicy::Capacity RoutingPolicy::capacity_of(const RegionState& state) const {
  Capacity tightest{kMostMillirps, 0};
  for (std::size_t m = 0; m < state.tiers.size(); ++m) {
    const TierState& tier = state.tiers[m];
    const double rate = 1000 * options_.tiers[m].limit * tier.units / tier.cost_s;
    if (rate >= static_cast<double>(tightest.rate)) continue;
    tightest = {static_cast<Millirps>(rate), static_cast<int>(m)};
  }
  return tightest;
}

Matrix<std::uint8_t> RoutingPolicy::find_blocked(const EpochInputs& inputs) const {
  Matrix<std::uint8_t> blocked(topology_.size());
  for (int t = 0; t < topology_.size(); ++t) {
    if (!is_dead(states_[t])) continue;
    for (int s = 0; s < topology_.size(); ++s) blocked.at(s, t) = 1;
  }
  for (const auto& [from, to] : inputs.unreachable) {
    if (from != to) blocked.at(from, to) = 1;
  }
  return blocked;
}

Problem RoutingPolicy::pose(const Matrix<std::uint8_t>& blocked) {
  const int size = topology_.size();
  Problem problem;
  problem.current = Matrix<Millirps>(size);
  problem.most = Matrix<Millirps>(size, std::numeric_limits<Millirps>::max());
  for (int s = 0; s < size; ++s) {
    RegionState& state = states_[s];
    problem.capacity.push_back(capacity_of(state).rate);
    problem.demand.push_back(is_dead(state) ? std::max(state.demand, kDeadDemand) : state.demand);
    problem.frozen.push_back(is_stale(state));
    state.relief = relief_of(s, problem.demand[s], problem.capacity[s]);
    problem.relief.push_back(state.relief);
  }
  for (int s = 0; s < size; ++s) {
    const Millirps admitted = mul_div(problem.demand[s], kDropSum - table_.drop[s], kDropSum);
    for (int t = 0; t < size; ++t) {
      if (blocked.at(s, t)) {
        problem.most.at(s, t) = 0;
        continue;
      }
      problem.current.at(s, t) = mul_div(admitted, table_.weight.at(s, t), kWeightSum);
      if (problem.frozen[t]) problem.most.at(s, t) = problem.current.at(s, t);
    }
  }
  return problem;
}

// Hysteresis without a jump: a region that already sends away keeps what it sends while the load
// left at home lies between the threshold of the farthest ring in use and `exit` below it.
double RoutingPolicy::relief_of(int s, Millirps demand, Millirps capacity) const {
  int farthest = 0;
  for (const Target& target : topology_.targets[s]) {
    if (table_.weight.at(s, target.region) > 0) farthest = target.ring;
  }
  if (farthest == 0 || capacity == 0) return 0;
  const double kept = ratio(mul_div(demand, table_.weight.at(s, s), kWeightSum), capacity);
  return std::clamp(options_.routing.thresholds[farthest - 1] - kept, 0.0, options_.damping.exit);
}

void RoutingPolicy::report(const EpochInputs& inputs, const Problem& problem,
                           Decision& decision) const {
  const int size = topology_.size();
  std::vector<Millirps> inflow(size);
  for (int s = 0; s < size; ++s) {
    const Millirps admitted = mul_div(problem.demand[s], kDropSum - table_.drop[s], kDropSum);
    for (int t = 0; t < size; ++t) {
      inflow[t] += mul_div(admitted, table_.weight.at(s, t), kWeightSum);
    }
  }
  for (int r = 0; r < size; ++r) {
    const RegionState& state = states_[r];
    RegionReport report;
    report.demand = state.demand;
    report.capacity = problem.capacity[r];
    report.tier = capacity_of(state).tier;
    report.utilisation_at_home = ratio(problem.demand[r], problem.capacity[r]);
    report.planned_utilisation = ratio(inflow[r], problem.capacity[r]);
    for (std::size_t m = 0; m < state.tiers.size(); ++m) {
      report.cost_s.push_back(state.tiers[m].cost_s);
      const TierInput& tier = inputs.regions[r].tiers[m];
      if (!is_value(tier.load)) continue;
      report.measured_utilisation =
          std::max(report.measured_utilisation.value_or(0), *tier.load / options_.tiers[m].limit);
    }
    report.relief = state.relief;
    report.level = decision.plan.level[r];
    report.stuck = decision.plan.stuck[r];
    report.residual = decision.plan.residual[r];
    report.age_epochs = state.age_epochs;
    report.stale = is_stale(state);
    report.dead = is_dead(state);
    decision.regions.push_back(std::move(report));
  }
}

}  // namespace zoetrope::traffic::policy

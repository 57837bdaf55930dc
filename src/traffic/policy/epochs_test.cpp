// What holds over several epochs, in random worlds.
#include <gtest/gtest.h>

#include "traffic/policy/policy.h"
#include "traffic/policy/worlds.h"

namespace zoetrope::traffic::policy {
namespace {

RoutingPolicy policy_for(const World& world) {
  return RoutingPolicy::make(world.regions, {}).value_or_throw();
}

// As many units as give each region its capacity at the prior cost.
EpochInputs inputs_of(const World& world) {
  const Tier tier;
  EpochInputs inputs;
  for (int r = 0; r < world.size(); ++r) {
    const double units = static_cast<double>(world.capacity[r]) / 1000 * tier.prior_s / tier.limit;
    inputs.regions.push_back({world.demand[r], {}, {{.5, units}}});
  }
  return inputs;
}

World alive(World world) {
  for (Millirps& capacity : world.capacity) capacity = std::max<Millirps>(capacity, 1);
  return world;
}

World shaken(const World& world) {
  World result = world;
  for (Millirps& demand : result.demand) demand = demand * *rc::gen::inRange(0, 200) / 100;
  return result;
}

// Load that a table brings to each destination.
std::vector<double> inflow_of(const Table& table, const Decision& now) {
  std::vector<double> inflow(table.size());
  for (int s = 0; s < table.size(); ++s) {
    const double admitted =
        static_cast<double>(now.regions[s].demand) * (kDropSum - table.drop[s]) / kDropSum;
    for (int t = 0; t < table.size(); ++t) {
      inflow[t] += admitted * table.weight.at(s, t) / kWeightSum;
    }
  }
  return inflow;
}

// What was dropped and need not be any longer may fill a region to its capacity at once.
WORLD_PROPERTY(Epochs, NoDestinationRisesFasterThanItMay) {
  RoutingPolicy policy = policy_for(world);
  Table before = policy.table();
  for (int epoch = 0; epoch < 6; ++epoch) {
    const Decision now = policy.step(inputs_of(shaken(alive(world)))).value_or_throw();
    const std::vector<double> old_inflow = inflow_of(before, now),
                              inflow = inflow_of(now.table, now);
    bool drops_less = false;
    double rounding = world.size();
    for (int s = 0; s < world.size(); ++s) {
      drops_less |= now.table.drop[s] < before.drop[s];
      rounding += 2 * static_cast<double>(now.regions[s].demand) / kWeightSum;
    }
    for (int t = 0; t < world.size(); ++t) {
      const double capacity = static_cast<double>(now.regions[t].capacity);
      const double bound = old_inflow[t] + .05 * capacity;
      RC_ASSERT(inflow[t] <= (drops_less ? std::max(bound, capacity) : bound) + rounding);
    }
    before = now.table;
  }
}

// In a world of millirps a weight is coarser than a step.
World large(World world) {
  for (int r = 0; r < world.size(); ++r) {
    world.demand[r] *= 1000;
    world.capacity[r] *= 1000;
  }
  return world;
}

// A destination may rise by .05 an epoch, hence 20 epochs for the farthest way there is.
WORLD_PROPERTY(Epochs, ConstantInputSettles) {
  RoutingPolicy policy = policy_for(world);
  const EpochInputs inputs = inputs_of(large(world));
  Decision decision;
  for (int epoch = 0; epoch < 30; ++epoch) decision = policy.step(inputs).value_or_throw();
  for (int epoch = 0; epoch < 10; ++epoch) {
    RC_ASSERT(!policy.step(inputs).value_or_throw().publish);
  }
  for (int s = 0; s < world.size(); ++s) {
    RC_ASSERT(world.demand[s] == 0 || decision.regions[s].dead ||
              decision.regions[s].planned_utilisation <= 1.03 || decision.regions[s].stuck);
  }
}

// Who flees is not held back, but goes where the plan has room for it.
WORLD_PROPERTY(Epochs, EvacuationOverloadsNobody) {
  RoutingPolicy policy = policy_for(world);
  EpochInputs inputs = inputs_of(large(world));
  Decision before;
  for (int epoch = 0; epoch < 30; ++epoch) before = policy.step(inputs).value_or_throw();
  const int killed = *rc::gen::inRange(0, world.size());
  inputs.regions[killed].tiers[0].units = 0;
  const Decision after = policy.step(inputs).value_or_throw();
  for (int t = 0; t < world.size(); ++t) {
    if (after.regions[t].dead) continue;
    // The others have not yet gone all the way that makes room; and weights are whole numbers.
    const double rounding = static_cast<double>(world.total_demand()) * 1000 / kWeightSum;
    const double allowed = std::max(before.regions[t].planned_utilisation, 1.0) + .1 +
                           2 * rounding / static_cast<double>(after.regions[t].capacity);
    RC_ASSERT(after.regions[t].planned_utilisation <= allowed);
  }
}

WORLD_PROPERTY(Epochs, TablesAreAlwaysWhole) {
  RoutingPolicy policy = policy_for(world);
  for (int epoch = 0; epoch < 5; ++epoch) {
    EpochInputs inputs = inputs_of(shaken(world));
    for (RegionInput& region : inputs.regions) {
      switch (*rc::gen::inRange(0, 8)) {
        case 0:
          region.demand.reset();
          break;
        case 1:
          region.tiers[0].load.reset();
          break;
        case 2:
          region.tiers[0].units.reset();
          break;
        case 3:
          region.tiers[0].units = 0;
          break;
        case 4:
          region = {std::nullopt, {}, {{}}};
          break;
        default:
          break;
      }
    }
    inputs.unreachable.push_back(
        {*rc::gen::inRange(0, world.size()), *rc::gen::inRange(0, world.size())});
    const Table before = policy.table();
    const Decision now = policy.step(inputs).value_or_throw();
    RC_ASSERT(validate(now.table, world.size()).ok());
    RC_ASSERT(now.publish == (now.table != before));
    const auto& [from, to] = inputs.unreachable[0];
    RC_ASSERT(from == to || now.table.weight.at(from, to) == 0);
    for (int s = 0; s < world.size(); ++s) {
      for (int t = 0; t < world.size(); ++t) {
        if (s == t) continue;
        RC_ASSERT(!now.regions[t].dead || now.table.weight.at(s, t) == 0);
        RC_ASSERT(policy.topology().ring.at(s, t) != kNoRing || now.table.weight.at(s, t) == 0);
        RC_ASSERT(!now.regions[s].stale || now.table.weight.at(s, t) == 0 ||
                  before.weight.at(s, t) > 0);
      }
    }
  }
}

WORLD_PROPERTY(Epochs, NumbersOfRegionsDoNotMatter) {
  const std::vector<int> places = any_order(world.size());
  RoutingPolicy policy = policy_for(world), other = policy_for(renumbered(world, places));
  for (int epoch = 0; epoch < 4; ++epoch) {
    const World now = shaken(world);
    const Table a = policy.step(inputs_of(now)).value_or_throw().table;
    const Table b = other.step(inputs_of(renumbered(now, places))).value_or_throw().table;
    for (int s = 0; s < world.size(); ++s) {
      RC_ASSERT(a.drop[s] == b.drop[places[s]]);
      for (int t = 0; t < world.size(); ++t) {
        RC_ASSERT(a.weight.at(s, t) == b.weight.at(places[s], places[t]));
      }
    }
  }
}

}  // namespace
}  // namespace zoetrope::traffic::policy

#include "traffic/policy/policy.h"

#include <gtest/gtest.h>

namespace zoetrope::traffic::policy {
namespace {

// Two regions of a continent near each other, one far away.
Regions three() {
  Regions regions{{{"use1", "america"}, {"use2", "america"}, {"euw1", "europe"}},
                  Matrix<std::chrono::microseconds>(3, std::chrono::milliseconds(90))};
  regions.rtt.at(0, 1) = regions.rtt.at(1, 0) = std::chrono::milliseconds(12);
  return regions;
}

// 100 workers each, all of demand and load known: usable capacity is 100 * .88 / 4 s = 22 rps.
EpochInputs steady(const std::vector<double>& demand_rps) {
  EpochInputs inputs;
  for (const double rps : demand_rps) {
    const double busy = std::min(rps * 4 / 100, 1.0);
    inputs.regions.push_back({to_millirps(rps), {}, {{busy, 100}}});
  }
  return inputs;
}

TEST(PolicyTest, EverybodyServesTheirOwnBelowTheThreshold) {
  RoutingPolicy policy = RoutingPolicy::make(three(), {}).value_or_throw();
  const Decision decision = policy.step(steady({17, 10, 2})).value_or_throw();
  EXPECT_FALSE(decision.publish);
  EXPECT_EQ(decision.table, home_table(3));
}

TEST(PolicyTest, SpillsToTheNearRegionFirst) {
  RoutingPolicy policy = RoutingPolicy::make(three(), {}).value_or_throw();
  Decision decision;
  for (int epoch = 0; epoch < 10; ++epoch) {
    decision = policy.step(steady({22, 10, 2})).value_or_throw();
  }
  EXPECT_FALSE(decision.publish);
  EXPECT_NEAR(decision.table.weight.at(0, 0), 8000, 10) << "22 rps of 22, to be brought to 0.80";
  EXPECT_NEAR(decision.table.weight.at(0, 1), 2000, 10);
  EXPECT_EQ(decision.table.weight.at(0, 2), 0);
}

TEST(PolicyTest, LeavesADeadRegionAtOnce) {
  RoutingPolicy policy = RoutingPolicy::make(three(), {}).value_or_throw();
  EpochInputs inputs = steady({8, 8, 2});
  ASSERT_TRUE(policy.step(inputs).ok());
  inputs.regions[0].tiers[0].units = 0;
  const Decision decision = policy.step(inputs).value_or_throw();
  EXPECT_EQ(decision.table.weight.at(0, 0), 0);
  EXPECT_TRUE(decision.regions[0].dead);
}

}  // namespace
}  // namespace zoetrope::traffic::policy

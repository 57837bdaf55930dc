#include "traffic/policy/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace zoetrope::traffic::policy {
namespace {

using testing::HasSubstr;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Two regions of a continent near each other, one far away.
Regions three() {
  Regions regions{{{"use1", "america"}, {"use2", "america"}, {"euw1", "europe"}},
                  Matrix<std::chrono::microseconds>(3, std::chrono::milliseconds(90))};
  regions.rtt.at(0, 1) = regions.rtt.at(1, 0) = std::chrono::milliseconds(12);
  return regions;
}

// 100 workers each: usable capacity is 100 * .88 / 4 s = 22 rps.
EpochInputs inputs_of(const std::vector<double>& demand_rps) {
  EpochInputs inputs;
  for (const double rps : demand_rps) {
    inputs.regions.push_back({to_millirps(rps), {}, {{std::min(rps * 4 / 100, 1.0), 100}}});
  }
  return inputs;
}

class PolicyTest : public testing::Test {
 protected:
  Decision step(const EpochInputs& inputs) { return policy.step(inputs).value_or_throw(); }
  Decision steps(int epochs, const EpochInputs& inputs) {
    Decision decision;
    for (int i = 0; i < epochs; ++i) decision = step(inputs);
    return decision;
  }
  int weight(int from, int to) const { return policy.table().weight.at(from, to); }

  RoutingPolicy policy = RoutingPolicy::make(three(), {}).value_or_throw();
};

TEST_F(PolicyTest, EverybodyServesTheirOwnBelowTheThreshold) {
  const Decision decision = step(inputs_of({17, 10, 2}));
  EXPECT_FALSE(decision.publish);
  EXPECT_EQ(decision.table, home_table(3));
}

TEST_F(PolicyTest, SpillsToTheNearRegionFirst) {
  const Decision decision = steps(10, inputs_of({22, 10, 2}));
  EXPECT_FALSE(decision.publish);
  EXPECT_NEAR(weight(0, 0), 8000, 10) << "22 rps of 22, to be brought to 0.80";
  EXPECT_NEAR(weight(0, 1), 2000, 10);
  EXPECT_EQ(weight(0, 2), 0);
  EXPECT_NEAR(decision.regions[0].planned_utilisation, .8, .001);
  EXPECT_DOUBLE_EQ(decision.regions[0].utilisation_at_home, 1);
  EXPECT_EQ(decision.regions[0].level, 2) << "at 1.00, not above it";
}

TEST_F(PolicyTest, DemandRisesFasterThanItFalls) {
  step(inputs_of({10, 10, 10}));
  const Decision decision = step(inputs_of({20, 0, 10}));
  EXPECT_EQ(decision.regions[0].demand, 17'000);
  EXPECT_EQ(decision.regions[1].demand, 8'500);
  EXPECT_EQ(decision.regions[2].demand, 10'000);
}

TEST_F(PolicyTest, TakesASpillBackOnlyWellBelowTheThreshold) {
  steps(10, inputs_of({20, 4, 4}));  // .91 at home: 2.4 rps go
  const int spilled = weight(0, 1);
  EXPECT_NEAR(spilled, 1200, 30);
  steps(60, inputs_of({19, 4, 4}));  // what is kept falls to .76: above the exit
  EXPECT_EQ(weight(0, 1), spilled);
  const Decision decision = steps(60, inputs_of({18, 4, 4}));  // .72: kept up to .75
  EXPECT_NEAR(weight(0, 1), 10'000 - .75 * 22 / 18 * 10'000, 110);
  EXPECT_NEAR(decision.regions[0].relief, .05, .01);
  steps(60, inputs_of({15, 4, 4}));
  EXPECT_EQ(policy.table(), home_table(3));
}

TEST_F(PolicyTest, LeavesADeadRegionAtOnce) {
  EpochInputs inputs = inputs_of({8, 8, 2});
  step(inputs);
  inputs.regions[0].tiers[0].units = 0;
  const Decision decision = step(inputs);
  EXPECT_EQ(weight(0, 0), 0);
  EXPECT_EQ(weight(0, 1), 10'000) << "near, and .73 with it";
  EXPECT_TRUE(decision.regions[0].dead);
  EXPECT_TRUE(decision.publish);
  EXPECT_THAT(decision.row_changed, testing::ElementsAre(1, 0, 0));
}

TEST_F(PolicyTest, ADeadRegionWithoutDemandLeadsElsewhereToo) {
  EpochInputs inputs = inputs_of({0, 8, 2});
  inputs.regions[0].tiers[0].units = 0;
  step(inputs);
  EXPECT_EQ(weight(0, 0), 0);
}

TEST_F(PolicyTest, ComesBackInSteps) {
  EpochInputs inputs = inputs_of({10, 8, 2});
  step(inputs);
  inputs.regions[0].tiers[0].units = 0;
  step(inputs);
  inputs.regions[0].tiers[0].units = 100;
  step(inputs);
  EXPECT_NEAR(weight(0, 0), .05 * 22 / 10 * 10'000, 2);
  steps(15, inputs);
  EXPECT_EQ(weight(0, 0), 10'000);
}

TEST_F(PolicyTest, ShedsAtTheSourceWhatNobodyCanServe) {
  const Decision decision = steps(30, inputs_of({44, 44, 44}));
  for (int s = 0; s < 3; ++s) {
    EXPECT_NEAR(decision.table.drop[s], kDropSum / 2, kDropSum / 50);
    EXPECT_NEAR(decision.regions[s].planned_utilisation, 1, .03);
  }
  steps(60, inputs_of({10, 10, 10}));
  EXPECT_EQ(policy.table(), home_table(3)) << "and stops when it is over";

  Options options;
  options.shed = Shed::kNever;
  policy = RoutingPolicy::make(three(), options).value_or_throw();
  steps(30, inputs_of({44, 44, 44}));
  EXPECT_EQ(policy.table(), home_table(3));
}

TEST_F(PolicyTest, AllDeadMeansAllDropped) {
  EpochInputs inputs = inputs_of({8, 8, 2});
  for (RegionInput& region : inputs.regions) region.tiers[0].units = 0;
  const Decision decision = step(inputs);
  EXPECT_THAT(decision.table.drop, testing::Each(kDropSum));
  EXPECT_TRUE(validate(decision.table, 3).ok());
}

TEST_F(PolicyTest, WhatIsMissingIsHeldAndThenFrozen) {
  EpochInputs inputs = inputs_of({22, 10, 2});
  steps(10, inputs);
  const Table before = policy.table();
  inputs.regions[0] = {std::nullopt, {}, {{std::nullopt, std::nullopt}}};
  Decision decision = steps(2, inputs);
  EXPECT_EQ(decision.regions[0].age_epochs, 2);
  EXPECT_FALSE(decision.regions[0].stale);
  EXPECT_EQ(decision.regions[0].demand, 22'000) << "never read as zero";
  decision = step(inputs);
  EXPECT_TRUE(decision.regions[0].stale);
  // Its target becomes hot: another would be told to look elsewhere.
  for (RegionInput& region : inputs.regions) region.admitted.clear();
  inputs.regions[1].demand = to_millirps(21);
  steps(20, inputs);
  EXPECT_EQ(weight(0, 0), before.weight.at(0, 0));
  EXPECT_EQ(weight(0, 1), before.weight.at(0, 1));
}

TEST_F(PolicyTest, AStaleRegionGetsNoNewImports) {
  EpochInputs inputs = inputs_of({20, 4, 2});
  steps(10, inputs);
  const int before = weight(0, 1);
  ASSERT_GT(before, 0);
  inputs.regions[1] = {std::nullopt, {}, {{std::nullopt, std::nullopt}}};
  steps(3, inputs);
  inputs.regions[0].demand = to_millirps(26);
  steps(20, inputs);
  EXPECT_LE(weight(0, 1), before);
  EXPECT_GT(weight(0, 2), 0) << "the far one takes it: 1.18 at home unlocks its ring";
}

TEST_F(PolicyTest, ValuesThatAreNoneCountAsMissing) {
  const EpochInputs good = inputs_of({10, 10, 10});
  step(good);
  for (const double bad : {kNan, kInfinity, -kInfinity, -1.0}) {
    EpochInputs inputs = good;
    inputs.regions[1].tiers[0] = {bad, bad};
    inputs.regions[2].demand = -1;
    inputs.regions[2].admitted = {-1, 0, kMostMillirps + 1};
    const Decision decision = step(inputs);
    EXPECT_EQ(decision.regions[1].age_epochs, 1) << bad;
    EXPECT_EQ(decision.regions[1].capacity, 22'000);
    EXPECT_FALSE(decision.regions[1].dead);
    EXPECT_EQ(decision.regions[2].age_epochs, 1);
    EXPECT_EQ(decision.regions[2].demand, 10'000);
    EXPECT_FALSE(decision.publish);
    step(good);
  }
}

TEST_F(PolicyTest, NothingKnownChangesNothing) {
  Table table = home_table(3);
  table.weight.at(0, 0) = 7000;
  table.weight.at(0, 1) = 3000;
  ASSERT_TRUE(policy.restore(table).ok());
  EpochInputs nothing;
  for (int r = 0; r < 3; ++r) nothing.regions.push_back({{}, {}, {{}}});
  for (int epoch = 0; epoch < 10; ++epoch) {
    const Decision decision = step(nothing);
    EXPECT_FALSE(decision.publish);
    EXPECT_EQ(decision.table, table);
  }
}

TEST_F(PolicyTest, ACutPairIsAvoidedByThatSourceOnly) {
  EpochInputs inputs = inputs_of({22, 10, 24});
  steps(20, inputs);
  ASSERT_GT(weight(0, 1), 0);
  ASSERT_GT(weight(2, 1), 0);
  inputs.unreachable = {{0, 1}};
  step(inputs);
  EXPECT_EQ(weight(0, 1), 0);
  EXPECT_GT(weight(2, 1), 0);
}

TEST_F(PolicyTest, LearnsWhatARequestCosts) {
  // Requests take 6 s, not 4: 10 rps keep 60 of 100 busy.
  EpochInputs inputs = inputs_of({10, 10, 10});
  for (int s = 0; s < 3; ++s) {
    inputs.regions[s].tiers[0].load = .6;
    inputs.regions[s].admitted.assign(3, 0);
    inputs.regions[s].admitted[s] = 10'000;
  }
  Decision decision = steps(40, inputs);
  EXPECT_NEAR(decision.regions[0].cost_s[0], 6, .01);
  EXPECT_NEAR(static_cast<double>(decision.regions[0].capacity), 1000 * 88 / 6.0, 30);
  // Half of the workers: half of the capacity, at once.
  inputs.regions[0].tiers[0] = {1, 50};
  decision = step(inputs);
  EXPECT_NEAR(static_cast<double>(decision.regions[0].capacity), 500 * 88 / 6.0, 300);
  // A cost beyond twice the prior is not believed.
  for (RegionInput& region : inputs.regions) region.tiers[0] = {1, 400};
  decision = steps(40, inputs);
  EXPECT_NEAR(decision.regions[1].cost_s[0], 8, .01);
  // When quiet, the prior alone counts.
  for (RegionInput& region : inputs.regions) region.tiers[0] = {.04, 100};
  decision = steps(60, inputs);
  EXPECT_NEAR(decision.regions[1].cost_s[0], 4, .01);
}

TEST_F(PolicyTest, LearnsNothingFromPartOfTheTraffic) {
  steps(10, inputs_of({22, 10, 2}));  // use1 sends to use2
  EpochInputs inputs = inputs_of({22, 10, 2});
  inputs.regions[1].admitted = {0, 10'000, 0};
  inputs.regions[2].admitted = {0, 0, 2'000};
  const Decision decision = steps(10, inputs);
  EXPECT_EQ(decision.regions[1].cost_s[0], 4) << "what use1 sent there is not known";
}

TEST_F(PolicyTest, TheTightestTierCounts) {
  Options options;
  options.tiers.push_back({"gateway", .7, .0001});
  policy = RoutingPolicy::make(three(), options).value_or_throw();
  EpochInputs inputs = inputs_of({10, 10, 10});
  for (RegionInput& region : inputs.regions) region.tiers.push_back({.1, 4});
  inputs.regions[1].tiers[1].units = .001;
  const Decision decision = step(inputs);
  EXPECT_EQ(decision.regions[0].tier, 0);
  EXPECT_EQ(decision.regions[0].capacity, 22'000);
  EXPECT_EQ(decision.regions[1].tier, 1);
  EXPECT_EQ(decision.regions[1].capacity, 7'000);
  EXPECT_DOUBLE_EQ(*decision.regions[0].measured_utilisation, .4 / .88);
}

TEST_F(PolicyTest, RefusesInputOfAnotherShape) {
  const auto refused = [&](const EpochInputs& inputs) {
    return policy.step(inputs).status().message();
  };
  EXPECT_THAT(refused({}), HasSubstr("regions:"));
  EpochInputs inputs = inputs_of({1, 1, 1});
  inputs.regions[1].tiers.clear();
  EXPECT_THAT(refused(inputs), HasSubstr("tiers:"));
  inputs = inputs_of({1, 1, 1});
  inputs.regions[1].admitted = {1, 2};
  EXPECT_THAT(refused(inputs), HasSubstr("admitted:"));
  inputs = inputs_of({1, 1, 1});
  inputs.unreachable = {{0, 3}};
  EXPECT_THAT(refused(inputs), HasSubstr("unreachable:"));
  EXPECT_FALSE(policy.restore(home_table(2)).ok());
  Options options;
  options.damping.step = kNan;
  EXPECT_THAT(RoutingPolicy::make(three(), options).status().message(), HasSubstr("step:"));
}

TEST_F(PolicyTest, OneRegionIsEnough) {
  const Regions one{{{"only", "x"}}, Matrix<std::chrono::microseconds>(1)};
  policy = RoutingPolicy::make(one, {}).value_or_throw();
  const Decision decision = steps(10, inputs_of({33}));
  EXPECT_EQ(decision.table.weight.at(0, 0), kWeightSum);
  EXPECT_NEAR(decision.table.drop[0], kDropSum / 3, 1);
}

}  // namespace
}  // namespace zoetrope::traffic::policy

#include "traffic/policy/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "traffic/policy/worlds.h"

namespace zoetrope::traffic::policy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

WORLD_PROPERTY(Table, WeightsAreWithinATenThousandthOfTheirShare) {
  const std::vector<int> order = world.topology().order;
  const Plan plan = solve(world.topology(), {}, world.problem());
  for (int s = 0; s < world.size(); ++s) {
    if (world.demand[s] == 0) continue;
    const std::vector<int> weights = apportion(plan.flow.row(s), world.size(), order);
    RC_ASSERT(std::accumulate(weights.begin(), weights.end(), 0) == kWeightSum);
    for (int t = 0; t < world.size(); ++t) {
      const double share =
          static_cast<double>(plan.flow.at(s, t)) / static_cast<double>(world.demand[s]);
      RC_ASSERT(weights[t] >= 0);
      RC_ASSERT(std::abs(weights[t] - share * kWeightSum) < 1 + 1e-9);
      if (plan.flow.at(s, t) == 0) RC_ASSERT(weights[t] == 0);
    }
  }
}

TEST(TableTest, RemaindersGoToTheLargestAndThenByName) {
  const Millirps thirds[] = {1, 1, 1};
  EXPECT_THAT(apportion(thirds, 3, {2, 0, 1}), ElementsAre(3333, 3334, 3333));
  const Millirps sixths[] = {4, 1, 1};
  EXPECT_THAT(apportion(sixths, 3, {0, 1, 2}), ElementsAre(6667, 1667, 1666));
  const Millirps small[] = {kMostMillirps, 1};
  EXPECT_THAT(apportion(small, 2, {0, 1}), ElementsAre(kWeightSum, 0));
}

TEST(TableTest, SaysWhatIsWrongWithATable) {
  EXPECT_TRUE(validate(home_table(3), 3).ok());
  EXPECT_THAT(validate(home_table(3), 4).message(), HasSubstr("another number of regions"));
  Table table = home_table(2);
  table.weight.at(1, 0) = 1;
  EXPECT_THAT(validate(table, 2).message(), HasSubstr("row 1: the weights sum to 10001"));
  table = home_table(2);
  table.weight.at(0, 0) = kWeightSum + 1;
  table.weight.at(0, 1) = -1;
  EXPECT_THAT(validate(table, 2).message(), HasSubstr("row 0: a negative weight"));
  table = home_table(2);
  table.drop[1] = kDropSum + 1;
  EXPECT_THAT(validate(table, 2).message(), HasSubstr("row 1: drop"));
}

}  // namespace
}  // namespace zoetrope::traffic::policy

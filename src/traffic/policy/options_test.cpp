#include "traffic/policy/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace zoetrope::traffic::policy {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(OptionsTest, AreSetByName) {
  Options options;
  EXPECT_TRUE(validate(options).ok());
  ASSERT_TRUE(set_number(options, "near_rtt_ms", 7.5).ok());
  ASSERT_TRUE(set_number(options, "threshold_2", .95).ok());
  ASSERT_TRUE(set_number(options, "hold_epochs", 5).ok());
  ASSERT_TRUE(set_word(options, "passes", "literal").ok());
  ASSERT_TRUE(set_word(options, "shed", "never").ok());
  Options wanted;
  wanted.rings.near_rtt = std::chrono::microseconds(7500);
  wanted.routing.thresholds[1] = .95;
  wanted.damping.hold_epochs = 5;
  wanted.routing.passes = Passes::kLiteral;
  wanted.shed = Shed::kNever;
  EXPECT_EQ(options, wanted);
}

TEST(OptionsTest, NameTheFieldAtFault) {
  Options options;
  EXPECT_THAT(set_number(options, "chnk", 1).message(), StartsWith("chnk: there is no"));
  for (const double bad : {kNan, kInfinity, -1.0, 0.0}) {
    EXPECT_THAT(set_number(options, "chunk", bad).message(), StartsWith("chunk: must be from"));
  }
  EXPECT_THAT(set_word(options, "passes", "three").message(), StartsWith("passes: must be"));
  EXPECT_THAT(set_word(options, "shed", "").message(), StartsWith("shed: must be"));
  EXPECT_THAT(set_word(options, "step", "all").message(), StartsWith("step: there is no"));
  EXPECT_EQ(options, Options()) << "what is refused changes nothing";

  options.routing.thresholds = {.9, .8, 1};
  EXPECT_THAT(validate(options).message(), StartsWith("threshold_2: less than threshold_1"));
  options = {};
  options.damping.exit = .45;
  options.routing.margin = .4;
  EXPECT_THAT(validate(options).message(), StartsWith("threshold_1: not above"));
  options = {};
  options.tiers[0].limit = kNan;
  EXPECT_THAT(validate(options).message(), StartsWith("tier 'worker', limit: must be"));
  options.tiers.clear();
  EXPECT_THAT(validate(options).message(), StartsWith("tiers:"));
}

Regions two(const char* first, const char* second) {
  return {{{first, "x"}, {second, "x"}}, Matrix<std::chrono::microseconds>(2)};
}

TEST(RegionsTest, RingsComeFromRttAndContinent) {
  using std::chrono::milliseconds;
  Regions regions{{{"e", "x"}, {"d", "y"}, {"c", "x"}, {"b", "x"}, {"a", "x"}},
                  Matrix<std::chrono::microseconds>(5, milliseconds(80))};
  regions.rtt.at(0, 2) = milliseconds(35);
  regions.rtt.at(0, 4) = kNoRoute;
  const Topology topology = make_topology(regions, {}).value_or_throw();
  const std::vector<int> rings(topology.ring.row(0), topology.ring.row(0) + 5);
  EXPECT_THAT(rings, testing::ElementsAre(0, 3, 1, 2, kNoRing));
  EXPECT_THAT(topology.order, testing::ElementsAre(4, 3, 2, 1, 0));
  std::vector<int> order;
  for (const Target& target : topology.targets[0]) order.push_back(target.region);
  EXPECT_THAT(order, testing::ElementsAre(2, 3, 1));
  const Topology near =
      make_topology(regions, {milliseconds(10), milliseconds(40)}).value_or_throw();
  EXPECT_EQ(near.targets[0].size(), 1) << "beyond far_rtt nobody is a target";
}

TEST(RegionsTest, RefuseWhatIsNoMap) {
  const auto refused = [](const Regions& regions) {
    return make_topology(regions, {}).status().message();
  };
  EXPECT_THAT(refused({}), HasSubstr("there are none"));
  EXPECT_THAT(refused(two("a", "a")), HasSubstr("'a' is there twice"));
  EXPECT_THAT(refused(two("a", "")), HasSubstr("is no name"));
  EXPECT_THAT(refused(two("a", "b.c")), HasSubstr("is no name"));
  Regions regions = two("a", "b");
  regions.rtt.at(1, 0) = std::chrono::microseconds(-1);
  EXPECT_THAT(refused(regions), HasSubstr("from b to a it is negative"));
  regions.rtt = {};
  EXPECT_THAT(refused(regions), HasSubstr("rtt:"));
}

TEST(RegionsTest, ARateIsAFiniteNumberFromZero) {
  EXPECT_EQ(to_millirps(0), 0);
  EXPECT_EQ(to_millirps(1.2345), 1235);
  for (const double bad : {kNan, kInfinity, -kInfinity, -1e-3, 1e10}) {
    EXPECT_FALSE(to_millirps(bad)) << bad;
  }
}

}  // namespace
}  // namespace zoetrope::traffic::policy

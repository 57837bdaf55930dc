#include "traffic/fleet/scenario_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "traffic/fleet/scenario_library.h"

namespace zoetrope::traffic::fleet {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string complaint(const std::string& body) {
  const auto scenario = read_scenario("name = \"X\"\ntitle = \"t\"\n" + body, "x.toml");
  return scenario.ok() ? "" : scenario.status().message();
}

TEST(ScenarioFile, EveryShippedOneIsRead) {
  ASSERT_GE(shipped().size(), 11u);
  for (const Size size : {Size::kFull, Size::kSlice}) {
    for (const Scenario& scenario : shipped(size)) {
      EXPECT_FALSE(scenario.gates.empty()) << scenario.name;
      EXPECT_FALSE(scenario.about.empty()) << scenario.name;
    }
  }
}

TEST(ScenarioFile, ArmsChangeWhatTheyName) {
  const auto scenario = read_scenario(R"(
name = "X"
title = "t"
[gateway]
retries = 5
choices = 3
[[demand.change]]
factor = 2
[[arm]]
name = "a"
[[arm]]
name = "b"
gateway = {retries = 2}
demand = {change = []}
client = {resubmit = "kept"}
[slice]
world = {gpus = 7}
)",
                                      "x.toml", Size::kSlice);
  ASSERT_TRUE(scenario.ok()) << scenario.status().message();
  const Options& a = scenario->arms.at(0).options;
  const Options& b = scenario->arms.at(1).options;
  EXPECT_EQ(a.gateway.retries, 5);
  EXPECT_EQ(b.gateway.retries, 2);
  EXPECT_EQ(b.gateway.choices, 3);
  EXPECT_EQ(a.demand.changes.size(), 1u);
  EXPECT_TRUE(b.demand.changes.empty());
  EXPECT_FALSE(a.client.resubmit);
  EXPECT_EQ(b.client.submit.memory, submit::Memory::kKept);
  EXPECT_EQ(a.world.gpus, 7);
  EXPECT_EQ(b.world.gpus, 7);
}

TEST(ScenarioFile, ComplaintsNameFileLineAndField) {
  EXPECT_THAT(complaint("[world]\nregions = 31\n"), StartsWith("x.toml:4"));
  EXPECT_THAT(complaint("[world]\nregions = 31\n"), HasSubstr("world.regions"));
  EXPECT_THAT(complaint("[world]\ngpu = 3\n"), HasSubstr("world.gpu"));
  EXPECT_THAT(complaint("[routing]\nkind = \"magic\"\n"),
              HasSubstr("is one of global, home, nearest, table"));
  EXPECT_THAT(complaint("[routing.policy]\nmargn = 0.1\n"), HasSubstr("margn"));
  EXPECT_THAT(complaint("[[fault]]\nkind = \"gpu_blackout\"\nfrom_s = 1\n"), HasSubstr("region"));
  EXPECT_THAT(complaint("[[gate]]\nmetric = \"sucess\"\nat_least = 1\n"), HasSubstr("metric"));
  EXPECT_THAT(complaint("[[gate]]\nmetric = \"success\"\n"), HasSubstr("at_least"));
  EXPECT_THAT(complaint("[[gate]]\nmetric = \"success\"\nat_least = 1\narm = \"none\"\n"),
              HasSubstr("no arm none"));
  EXPECT_THAT(complaint("[[gate]]\nmetric = \"success\"\nat_least = 1\nphase = \"p\"\n"),
              HasSubstr("no phase p"));
  EXPECT_THAT(complaint("[demand]\nutilisation = nan\n"), HasSubstr("demand.utilisation"));
  EXPECT_EQ(complaint("[demand]\nutilisation = 0.5\n"), "");
}

TEST(ScenarioFile, UnknownNamesSayWhatThereIs) {
  const auto scenario = open_scenario("S99");
  ASSERT_FALSE(scenario.ok());
  EXPECT_THAT(scenario.status().message(), HasSubstr("S0 S1 S2"));
}

}  // namespace
}  // namespace zoetrope::traffic::fleet

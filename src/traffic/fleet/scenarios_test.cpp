// The gates of the shipped scenarios, on runs that a test can afford.
#include <gtest/gtest.h>

#include "traffic/fleet/campaign.h"
#include "traffic/fleet/scenario_library.h"

namespace zoetrope::traffic::fleet {
namespace {

void expect_gates_hold(const std::string& name) {
  const Scenario scenario = open_scenario(name, Size::kSlice).value_or_throw();
  const CampaignResult result = run_campaign(scenario, {}).value_or_throw();
  EXPECT_FALSE(result.gates.empty());
  for (const GateResult& gate : result.gates) EXPECT_TRUE(gate.passed) << gate.text;
}

class Scenarios : public testing::TestWithParam<const char*> {};
TEST_P(Scenarios, GatesHold) { expect_gates_hold(GetParam()); }
INSTANTIATE_TEST_SUITE_P(Fast, Scenarios, testing::Values("S0", "S1", "S2", "S3", "S4", "S7", "S8"),
                         [](const auto& param) { return std::string(param.param); });

class ScenariosSlow : public testing::TestWithParam<const char*> {};
TEST_P(ScenariosSlow, GatesHold) { expect_gates_hold(GetParam()); }
INSTANTIATE_TEST_SUITE_P(Rest, ScenariosSlow,
                         testing::Values("S5", "S6", "S6b", "S9", "S10", "S10b"),
                         [](const auto& param) { return std::string(param.param); });

// A gate that cannot fail gates nothing.
TEST(Gates, FailWhereTheyShould) {
  Scenario scenario = open_scenario("S0", Size::kSlice).value_or_throw();
  scenario.arms.resize(1);
  scenario.arms[0].options.world.gpus = 50;
  Gate above, below;
  above.metric = below.metric = "success";
  above.at_least = 0.99;
  below.at_most = 0.1;
  scenario.gates = {above, below};
  const CampaignResult result = run_campaign(scenario, {}).value_or_throw();
  EXPECT_FALSE(result.passed());
  for (const GateResult& gate : result.gates) EXPECT_FALSE(gate.passed) << gate.text;
}

}  // namespace
}  // namespace zoetrope::traffic::fleet

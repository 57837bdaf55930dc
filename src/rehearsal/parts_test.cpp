// What of the rehearsal needs no fleet: its files, its arithmetic.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "rehearsal/free_ports.h"
#include "rehearsal/parity.h"
#include "rehearsal/plan.h"
#include "support/temporary_folder.h"
#include "traffic/control/fleet_config.h"

namespace zoetrope::rehearsal {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

Plan planned() { return make_plan(2).value_or_throw(); }

TEST(PlanTest, NoPortComesTwiceOrIsOneThatAConnectionCanHave) {
  const Plan plan = planned();
  std::set<uint16_t> ports = {plan.manager, plan.prometheus};
  for (const RegionPlan& region : plan.regions) {
    ports.insert({region.ingress, region.import, region.admin});
    ports.insert(region.workers.begin(), region.workers.end());
  }
  EXPECT_EQ(ports.size(), 2 + 5 * plan.regions.size());
  const PortRange connections = ports_of_connections();
  for (const uint16_t port : ports) {
    EXPECT_TRUE(port < connections.first || port > connections.last) << port;
  }
}

TEST(PlanTest, TheManagerUnderstandsItsFile) {
  const Plan plan = planned();
  const auto config =
      traffic::control::parse_fleet_config(fleet_toml(plan, Options()), "fleet.toml", "/")
          .value_or_throw();
  ASSERT_EQ(config.regions.size(), 4);
  EXPECT_EQ(config.regions.list[3].name, "euw1");
  EXPECT_EQ(config.regions.rtt.at(1, 3), std::chrono::milliseconds(95));
  EXPECT_EQ(config.region_configs[2].workers.size(), 2u);
  EXPECT_EQ(config.region_configs[2].ingress.port, plan.regions[2].ingress);
  EXPECT_EQ(config.manager.epoch, milliseconds(1250));
  // The hot region has one neighbour, one on its continent and one overseas.
  const auto topology =
      traffic::policy::make_topology(config.regions, config.policy.rings).value_or_throw();
  EXPECT_EQ(topology.ring.at(0, 1), 1);
  EXPECT_EQ(topology.ring.at(0, 2), 2);
  EXPECT_EQ(topology.ring.at(0, 3), 3);
}

TEST(PlanTest, PrometheusGetsEverybody) {
  const Plan plan = planned();
  const std::string text = prometheus_yaml(plan);
  for (const RegionPlan& region : plan.regions) {
    EXPECT_THAT(text, HasSubstr(fmt::format("\"127.0.0.1:{}\"", region.admin)));
    EXPECT_THAT(text, HasSubstr(fmt::format("\"127.0.0.1:{}\"", region.workers[1])));
  }
}

TEST(ParityTest, TheIntervalIsThatOfTheBinomial) {
  // 99.5 % quantile of the normal distribution times sqrt(p q / n).
  EXPECT_NEAR(binomial_99(0.5, 10'000), 0.0128790, 1e-5);
  EXPECT_EQ(binomial_99(0, 100), 0);
}

// A phase that ran as the simulator says, and one that did not.
TEST(ParityTest, TellsTheSameFromAnother) {
  Options options;
  Clients clients;
  clients.submit.backoff = options.gateway_backoff;
  traffic::policy::Table table = traffic::policy::home_table(4);
  table.weight.at(0, 0) = 6'000;
  table.weight.at(0, 1) = 4'000;
  PhaseReport phase;
  phase.load = {0.2, 0.1, 0.1, 0.1};
  phase.regions.resize(4);
  phase.all.success = 1;
  traffic::load::Figures& live = phase.regions[0];
  live.done = 10'000;
  live.by_region = {{"a", 6'000}, {"b", 4'000}};
  const std::vector<std::string> names = {"a", "b", "c", "d"};
  const auto same = compare(phase, table, names, 0, options, clients, 1).value_or_throw();
  EXPECT_TRUE(same.success_within());
  EXPECT_TRUE(same.split_within());
  EXPECT_NEAR(same.split[0].simulated, 0.6, 0.02);
  live.by_region = {{"a", 6'500}, {"b", 3'500}};
  phase.all.success = 0.97;
  const auto other = compare(phase, table, names, 0, options, clients, 1).value_or_throw();
  EXPECT_FALSE(other.success_within());
  EXPECT_FALSE(other.split_within());
}

}  // namespace
}  // namespace zoetrope::rehearsal

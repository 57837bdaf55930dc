#include "traffic/control/fleet_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "support/temporary_folder.h"

namespace zoetrope::traffic::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kText = R"(
[manager]
listen = "127.0.0.1:17001"
state = "kept"
epoch_seconds = 2.5

[manager.etcd]
endpoints = ["127.0.0.1:2379"]
lease_seconds = 10

[policy]
threshold_1 = 0.7
passes = "literal"
shed = "never"

[[tiers]]
name = "worker"
limit = 0.77
prior_seconds = 3.5

[[regions]]
name = "use1"
continent = "america"
ingress = "127.0.0.1:18001"
import = "127.0.0.1:18101"
gateways = ["127.0.0.1:19001"]
workers = ["127.0.0.1:21001-21003", "[::1]:80"]

[[regions]]
name = "euw1"
continent = "europe"
ingress = "gate.example:443"
import = "10.0.0.1:18101"
gateways = ["10.0.0.1:19001", "10.0.0.2:19001"]
workers_file = "euw1.workers"
prometheus = "10.0.0.9:9090"

[rtt_ms.use1]
euw1 = 80.5

[runtime]
"smear.job.percent" = 20
)";

base::Result<FleetConfig> parse(std::string_view text) {
  return parse_fleet_config(text, "fleet.toml", "/etc/zoetrope");
}

// kText with one piece of it replaced.
std::string with(std::string_view piece, std::string_view other) {
  std::string text = kText;
  const size_t at = text.find(piece);
  EXPECT_NE(at, std::string::npos) << piece;
  return text.replace(at, piece.size(), other);
}

int line_of(std::string_view piece) {
  const std::string_view text = kText;
  return 1 + static_cast<int>(std::count(text.begin(), text.begin() + text.find(piece), '\n'));
}

TEST(FleetConfig, IsRead) {
  const auto config = parse(kText);
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(to_string(config->manager.listen), "127.0.0.1:17001");
  EXPECT_EQ(to_string(config->manager.address), "127.0.0.1:17001");
  EXPECT_EQ(config->manager.state, "/etc/zoetrope/kept");
  EXPECT_EQ(config->manager.epoch, std::chrono::milliseconds(2500));
  EXPECT_EQ(config->manager.etcd.lease, std::chrono::seconds(10));
  EXPECT_EQ(config->policy.routing.thresholds[0], 0.7);
  EXPECT_EQ(config->policy.routing.thresholds[1], 0.9);
  EXPECT_EQ(config->policy.routing.passes, policy::Passes::kLiteral);
  EXPECT_EQ(config->policy.shed, policy::Shed::kNever);
  ASSERT_EQ(config->policy.tiers.size(), 1);
  EXPECT_EQ(config->policy.tiers[0].limit, 0.77);
  EXPECT_EQ(config->tier_metrics[0].load, "zoetrope_load");
  ASSERT_EQ(config->regions.size(), 2);
  EXPECT_EQ(config->find("euw1"), 1);
  EXPECT_EQ(config->find("mars"), -1);
  const RegionConfig& use1 = config->region_configs[0];
  EXPECT_THAT(use1.workers, ElementsAre(Address{"127.0.0.1", 21001}, Address{"127.0.0.1", 21002},
                                        Address{"127.0.0.1", 21003}, Address{"::1", 80}));
  EXPECT_EQ(use1.prometheus.port, 0);
  const RegionConfig& euw1 = config->region_configs[1];
  EXPECT_EQ(euw1.workers_file, "/etc/zoetrope/euw1.workers");
  EXPECT_EQ(euw1.gateways.size(), 2);
  EXPECT_EQ(to_string(euw1.prometheus), "10.0.0.9:9090");
  EXPECT_EQ(config->regions.rtt.at(0, 1), std::chrono::microseconds(80500));
  EXPECT_EQ(config->regions.rtt.at(1, 0), std::chrono::microseconds(80500));
  EXPECT_THAT(config->runtime, ElementsAre(std::pair{"smear.job.percent", 20.0}));
}

TEST(FleetConfig, ComplaintsNameFileLineAndField) {
  const struct {
    const char* piece;
    const char* other;
    const char* field;
    const char* what;
  } kCases[] = {
      {"\"127.0.0.1:17001\"", "\"nowhere\"", "manager.listen", "'nowhere' is no address"},
      {"epoch_seconds = 2.5", "epoch_seconds = 0", "manager.epoch_seconds", "between"},
      {"epoch_seconds = 2.5", "epoch_seconds = nan", "manager.epoch_seconds", "between"},
      {"lease_seconds = 10", "lease_seconds = 1", "manager.etcd.lease_seconds", "between"},
      {"threshold_1 = 0.7", "threshold_9 = 0.7", "policy.threshold_9", ""},
      {"passes = \"literal\"", "passes = \"some\"", "policy.passes", ""},
      {"limit = 0.77", "limit = 0", "tiers[0].limit", "between"},
      {"name = \"use1\"", "name = \"us.e1\"", "regions[0].name", "letters"},
      {"name = \"euw1\"", "name = \"use1\"", "regions[1].name", "two regions 'use1'"},
      {"import = \"10.0.0.1:18101\"", "import = \"there:18101\"", "regions[1].import",
       "must be an IP address"},
      {"\"127.0.0.1:21001-21003\"", "\"127.0.0.1:21003-21001\"", "regions[0].workers", "backwards"},
      {"\"127.0.0.1:21001-21003\"", "\"127.0.0.1:99999\"", "regions[0].workers", "no address"},
      {"\"[::1]:80\"", "\"127.0.0.1:21002\"", "regions[0].workers", "named twice"},
      {"gateways = [\"127.0.0.1:19001\"]", "gateways = []", "regions[0].gateways", "at least one"},
      {"euw1 = 80.5", "mars = 80.5", "rtt_ms.use1.mars", "no such region"},
      {"euw1 = 80.5", "euw1 = -1", "rtt_ms.use1.euw1", "between"},
      {"\"smear.job.percent\" = 20", "\"smear.job.percent\" = inf", "runtime.smear.job.percent",
       "between"},
  };
  for (const auto& test : kCases) {
    const auto config = parse(with(test.piece, test.other));
    ASSERT_FALSE(config.ok()) << test.other;
    EXPECT_THAT(
        config.status().message(),
        StartsWith("fleet.toml:" + std::to_string(line_of(test.piece)) + ": " + test.field + ": "))
        << test.other;
    EXPECT_THAT(config.status().message(), HasSubstr(test.what)) << test.other;
  }
}

TEST(FleetConfig, WhatIsMissingOrUnknownIsNamed) {
  EXPECT_THAT(parse("").status().message(), HasSubstr("regions: there must be at least one"));
  EXPECT_THAT(parse(with("ingress = \"127.0.0.1:18001\"", "")).status().message(),
              HasSubstr("regions[0].ingress: is missing"));
  EXPECT_THAT(parse(with("workers_file = \"euw1.workers\"", "")).status().message(),
              HasSubstr("regions[1].workers: is missing"));
  EXPECT_THAT(parse(with("euw1 = 80.5", "")).status().message(),
              HasSubstr("no round trip between 'euw1' and 'use1'"));
  EXPECT_THAT(parse(with("state =", "stale =")).status().message(),
              HasSubstr("'manager.stale': there is no such field"));
  EXPECT_THAT(parse("[regions").status().message(), StartsWith("fleet.toml:1: not valid TOML"));
}

TEST(FleetConfig, RelativePathsAreTakenFromTheFile) {
  const test_support::TemporaryFolder folder;
  std::ofstream(folder.path() / "fleet.toml") << kText;
  const auto config = read_fleet_config(folder.path() / "fleet.toml");
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(config->manager.state, folder.path() / "kept");
  EXPECT_EQ(read_fleet_config(folder.path() / "none.toml").status().code(),
            base::StatusCode::kNotFound);
}

TEST(WorkersFile, IsReadLineByLine) {
  const auto workers = parse_workers("10.0.0.1:80\n\n# more\n 10.0.0.2:80-81 # two\r\n", "w");
  ASSERT_TRUE(workers.ok()) << workers.status().message();
  EXPECT_THAT(*workers, ElementsAre(Address{"10.0.0.1", 80}, Address{"10.0.0.2", 80},
                                    Address{"10.0.0.2", 81}));
  EXPECT_THAT(parse_workers("10.0.0.1:80\nhere:80\n", "w").status().message(),
              StartsWith("w:2: 'here:80' must be an IP address"));
  EXPECT_THAT(parse_workers("10.0.0.1\n", "w").status().message(), StartsWith("w:1: "));
  EXPECT_TRUE(parse_workers("", "w")->empty());
}

}  // namespace
}  // namespace zoetrope::traffic::control

// A live fleet on loopback: real Envoys, the real manager and agents, workers that only pretend.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "rehearsal/script.h"
#include "support/temporary_folder.h"

namespace zoetrope::rehearsal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class ClusterTest : public testing::Test {
 protected:
  void SetUp() override {
    if (access(ZOETROPE_ENVOY, X_OK) != 0) {
      GTEST_SKIP() << ZOETROPE_ENVOY << " is not there: run ./test once, it installs it";
    }
    options_.folder = folder_.path();
    options_.envoy = ZOETROPE_ENVOY;
    options_.prometheus = "";
    options_.zoetrope = ZOETROPE_FLEET;
  }

  std::unique_ptr<Cluster> start() {
    options_.workers = 5;
    options_.service = {milliseconds(200), 0.15};
    options_.epoch = milliseconds(500);
    return Cluster::start(options_).value_or_throw();
  }

  // Everybody at half of what there is.
  static DayReport some_load(Cluster& cluster, std::function<base::Status(Cluster&)> action) {
    Clients clients;
    clients.submit.backoff = {milliseconds(25), seconds(1)};
    const std::vector<double> half(4, 0.5);
    return run_day(cluster,
                   {{"before", milliseconds(500), half}, {"after", seconds(2), half, {}, action}},
                   clients, 1, base::CancelToken())
        .value_or_throw();
  }

  test_support::TemporaryFolder folder_;
  Options options_;
};

class ClusterSlowTest : public ClusterTest {};

TEST_F(ClusterTest, ServesEveryJobWithAndWithoutItsManager) {
  const auto cluster = start();
  EXPECT_TRUE(cluster->status().ok());
  const DayReport day = some_load(*cluster, [](Cluster& c) {
    c.kill_manager();
    return base::Status();
  });
  EXPECT_FALSE(cluster->status().ok());
  for (const PhaseReport& phase : day.phases) {
    EXPECT_GT(phase.all.jobs, 0) << phase.name;
    EXPECT_EQ(phase.all.done, phase.all.jobs) << phase.name << ": " << to_json(day);
  }
  // A gateway that starts while there is no manager has the last table from its files.
  ASSERT_TRUE(cluster->restart_gateway(0).ok());
  const DayReport again = some_load(*cluster, {});
  EXPECT_EQ(again.phase("after").all.done, again.phase("after").all.jobs) << to_json(again);
  for (const WorkerCounts& counts : cluster->counts()) EXPECT_LE(counts.most_at_once, 1);
}

TEST_F(ClusterSlowTest, GoesOnWithHalfOfARegionsWorkersDead) {
  const auto cluster = start();
  const DayReport day = some_load(*cluster, [](Cluster& c) {
    c.set_fault(1, 2, Fault::kCrash);
    return base::Status();
  });
  // What ran on the dead workers came again; one in a while finds its deadline too near.
  EXPECT_GE(day.phase("after").all.success, 0.99) << to_json(day);
}

TEST_F(ClusterTest, NamesWhatDoesNotStart) {
  options_.envoy = "/nonexistent/envoy";
  const auto started = Cluster::start(options_);
  ASSERT_FALSE(started.ok());
  EXPECT_THAT(started.status().message(), testing::HasSubstr("gateway-use1"));
}

std::string failed_gates(const Rehearsal& rehearsal) {
  std::string text;
  for (const Gate& gate : rehearsal.gates) {
    if (!gate.passed) text += gate.text + '\n';
  }
  return text;
}

TEST_F(ClusterSlowTest, ADayKeepsItsGates) {
  const auto day = rehearse({options_, Acts::kDay, 1}, {}).value_or_throw();
  EXPECT_EQ(failed_gates(day), "") << to_text(day);
}

TEST_F(ClusterSlowTest, TheStormIsThereForTheCarelessOnly) {
  const auto storm = rehearse({options_, Acts::kStorm, 1}, {}).value_or_throw();
  EXPECT_EQ(failed_gates(storm), "") << to_text(storm);
}

}  // namespace
}  // namespace zoetrope::rehearsal

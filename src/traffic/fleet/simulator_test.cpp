#include "traffic/fleet/simulator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "traffic/fleet/metrics.h"

namespace zoetrope::traffic::fleet {
namespace {

Options small_fleet() {
  Options options;
  options.world.regions = 4;
  options.world.gpus = 100;
  options.gateway.choices = 2;
  options.duration_s = 60;
  options.warm_up_s = 10;
  options.client.deadline_s = 60;
  return options;
}

RunResult run(const Options& options, uint64_t seed = 1) {
  return simulate(options, seed).value_or_throw();
}

double sum(const std::vector<float>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

TEST(Simulator, IsAFunctionOfTheSeed) {
  const RunResult a = run(small_fleet(), 5), b = run(small_fleet(), 5), c = run(small_fleet(), 6);
  EXPECT_EQ(a.events, b.events);
  EXPECT_EQ(a.series.busy, b.series.busy);
  EXPECT_EQ(a.series.good, b.series.good);
  EXPECT_NE(a.series.offered, c.series.offered);
}

TEST(Simulator, EveryAdmittedJobEndsOnce) {
  Options options = small_fleet();
  options.demand.utilisation = 1.3;  // many are refused
  options.warm_up_s = 0;
  const RunResult result = run(options);
  const PhaseResult& all = result.phases.front();
  EXPECT_GT(all.offered, 1000);
  EXPECT_LT(all.succeeded, all.offered);
  EXPECT_EQ(all.admitted, all.succeeded);  // nobody comes again, nothing fails
  EXPECT_EQ(static_cast<double>(all.offered), sum(result.series.offered));
  EXPECT_EQ(static_cast<double>(all.succeeded), sum(result.series.good));
  EXPECT_LE(all.attempts, all.offered * (1 + 8) * (1 + 2));
}

TEST(Simulator, NoRegionRunsMoreThanItsGpus) {
  Options options = small_fleet();
  options.demand.utilisation = 2;
  options.gateway.search = Search::kFullScan;
  options.faults = {{FaultKind::kGpuBlackout, "virginia", "", 20, 40, 0.5}};
  const RunResult result = run(options);
  for (size_t i = 0; i < result.series.busy.size(); ++i) {
    EXPECT_LE(result.series.busy[i], result.series.ready[i] + 1e-3) << i;
    EXPECT_GE(result.series.busy[i], 0) << i;
  }
}

// Far below capacity every try is taken, so jobs go where the weights say.
TEST(Simulator, AFixedTableIsKept) {
  Options options = small_fleet();
  options.demand.utilisation = 0.3;
  options.duration_s = 120;
  options.gateway.search = Search::kOwnScan;
  policy::Table table = policy::home_table(options.world.regions);
  table.weight.at(0, 0) = 7'000;
  table.weight.at(0, 1) = 3'000;
  options.routing.table = table;
  const RunResult result = run(options);
  const PhaseResult& all = result.phases.front();
  const auto home = static_cast<double>(all.admitted_at.at(0, 0));
  const auto away = static_cast<double>(all.admitted_at.at(0, 1));
  EXPECT_GT(away, 100) << "enough to tell";
  EXPECT_NEAR(away / (home + away), 0.3, 5 * std::sqrt(0.21 / (home + away)));
  EXPECT_EQ(all.admitted_at.at(1, 0), 0);
  EXPECT_EQ(result.published, 0);
}

// Envoy's view of its own requests only: as good as any where no region imports, worse where one
// does.
TEST(Simulator, WhatAGatewayCannotSeeCostsTries) {
  Options options = small_fleet();
  options.demand.utilisation = 0.7;
  const auto tries = [&](Search search) {
    options.gateway.search = search;
    const PhaseResult all = run(options).phases.front();
    return static_cast<double>(all.attempts) / static_cast<double>(all.admitted);
  };
  options.routing.kind = Routing::kHome;
  EXPECT_NEAR(tries(Search::kOwnScan), tries(Search::kFullScan), 0.01);
  options.routing.kind = Routing::kGlobal;
  EXPECT_GT(tries(Search::kOwnScan), 1.2 * tries(Search::kFullScan));
}

TEST(Simulator, LittlesLawHolds) {
  const Options options = small_fleet();
  const RunResult result = run(options);
  const double busy = metric("utilisation", result, options, "");
  const double work = metric("goodput", result, options, "");
  EXPECT_NEAR(busy, work, 0.02);
}

TEST(Simulator, KeptBackOffServesEverybodyAfterAnOverload) {
  Options options = small_fleet();
  options.demand.changes = {{{}, 10, 30, 1.8, 1.8}};
  options.routing.policy.shed = policy::Shed::kNever;
  options.client.resubmit = true;
  options.client.deadline_s = 200;
  const RunResult kept = run(options);
  EXPECT_EQ(kept.phases[0].succeeded, kept.phases[0].offered);
  options.client.resubmit = false;
  const RunResult never = run(options);
  EXPECT_LT(never.phases[0].succeeded, never.phases[0].offered);
}

TEST(Simulator, BlackoutTakesItsJobsAlong) {
  Options options = small_fleet();
  options.faults = {{FaultKind::kGpuBlackout, "virginia", "", 30, 60, 1}};
  const RunResult lost = run(options);
  // What ran there broke off; nobody comes again.
  EXPECT_GT(lost.phases[0].admitted, lost.phases[0].succeeded);
  options.client.resubmit = true;
  options.client.deadline_s = 200;
  const RunResult again = run(options);
  EXPECT_EQ(again.phases[0].succeeded, again.phases[0].offered);
  EXPECT_EQ(again.series.ready[again.series.at(45, 0)], 0);
}

TEST(Simulator, CutRegionsExchangeNothing) {
  Options options = small_fleet();
  options.demand.changes = {{{"virginia"}, 0, 1e9, 1.7, 1.7}};
  options.world.regions = 2;
  const RunResult joined = run(options);
  options.faults = {{FaultKind::kPartition, "virginia", "dublin", 0, 1e9, 1}};
  const RunResult cut = run(options);
  EXPECT_LT(metric("home_share", joined, options, ""), 0.95);
  EXPECT_EQ(metric("home_share", cut, options, ""), 1);
}

TEST(Simulator, RefusesWhatMakesNoFleet) {
  Options options = small_fleet();
  options.faults = {{FaultKind::kGpuBlackout, "atlantis", "", 0, 1, 1}};
  EXPECT_THAT(simulate(options, 1).status().message(), testing::HasSubstr("atlantis"));
}

TEST(Simulator, StopsWhenToldTo) {
  RunContext context;
  context.cancel.cancel();
  EXPECT_EQ(simulate(small_fleet(), 1, context).status().code(), base::StatusCode::kCancelled);
}

}  // namespace
}  // namespace zoetrope::traffic::fleet

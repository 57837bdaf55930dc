// The rows of the failure table of docs/traffic.md that concern regions and what they report,
// injected into a fleet of numbers under a simulated clock. The manager's own failures:
// succession_test.cpp.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "traffic/control/files.h"
#include "traffic/control/manager_fixture.h"

namespace zoetrope::traffic::control {
namespace {

using Failures = testing::ManagerFixture;
using policy::kWeightSum;
using ::testing::Contains;
using testing::FakeRegion;
using testing::FakeWorld;
using ::testing::Field;
using ::testing::HasSubstr;
using testing::home_weight;
using testing::published;
using testing::region;
using testing::report;
using testing::usable;
using testing::utilisation;
using testing::was_said;
using testing::weight;

TEST_F(Failures, CalmRegionsKeepTheirOwn) {
  FakeWorld world({region(.5), region(.6), region(.7)});
  const auto manager = start(world);
  world.run(*manager, 20);
  EXPECT_EQ(published(*manager).table, policy::home_table(3));
  EXPECT_EQ(published(*manager).version, 1);  // and it is not published again and again
}

TEST_F(Failures, AnOverloadedRegionSpillsAndTakesItBack) {
  FakeWorld world({region(1.3), region(.4), region(.4)});
  const auto manager = start(world);
  world.run(*manager, 30);
  EXPECT_LT(weight(*manager, 0, 0), 8000);
  EXPECT_EQ(weight(*manager, 1, 1), kWeightSum);
  EXPECT_GT(world.success(), 0.97);
  world.regions[0].demand = .4 * usable(100);
  world.run(*manager, 60);
  EXPECT_EQ(published(*manager).table, policy::home_table(3));
}

// Row "Stale metrics".
TEST_F(Failures, AStaleRegionIsHeldThenFrozenAndNeverReadAsIdle) {
  FakeWorld world({region(1.2), region(.5), region(.5)});
  const auto manager = start(world);
  world.run(*manager, 30);
  const policy::Table before = published(*manager).table;
  const policy::Millirps demand = report(*manager, 0).demand;
  ASSERT_GT(demand, 0);

  world.regions[0].gateway_silent = world.regions[0].workers_silent = true;
  world.run(*manager, 2);
  EXPECT_FALSE(report(*manager, 0).stale);
  world.run(*manager, 10);
  EXPECT_TRUE(report(*manager, 0).stale);
  EXPECT_NEAR(report(*manager, 0).demand, demand, demand / 100);
  for (int t = 0; t < 3; ++t) EXPECT_EQ(weight(*manager, 0, t), before.weight.at(0, t)) << t;
  EXPECT_TRUE(was_said(*manager, "r0 is no longer read"));

  world.regions[0].gateway_silent = world.regions[0].workers_silent = false;
  world.run(*manager, 3);
  EXPECT_FALSE(report(*manager, 0).stale);
  EXPECT_TRUE(was_said(*manager, "r0 is read again"));
}

TEST_F(Failures, AStaleRegionGetsNoNewImports) {
  FakeWorld world({region(.5), region(.2), region(.2)});
  const auto manager = start(world);
  world.run(*manager, 10);
  world.regions[1].gateway_silent = world.regions[1].workers_silent = true;
  world.run(*manager, 6);
  world.regions[0].demand = 1.4 * usable(100);
  world.run(*manager, 20);
  EXPECT_EQ(weight(*manager, 0, 1), 0);
  EXPECT_GT(weight(*manager, 0, 2), 1000);
}

TEST_F(Failures, ValuesThatAreNoneNeverReadAsIdle) {
  for (const char* value : {"NaN", "+Inf", "-1", "-Inf", "1e999", "garbage", ""}) {
    FakeWorld world({region(1.3), region(.7), region(.3)});
    const auto manager = start(world, lead_alone(), std::string("state") + value);
    world.run(*manager, 20);
    const auto before = report(*manager, 1);
    world.regions[1].broken_value = *value == '\0' ? "" : value;
    const bool broken = *value != '\0';
    world.run(*manager, 10);
    const auto after = report(*manager, 1);
    EXPECT_EQ(after.stale, broken) << value;
    EXPECT_EQ(after.dead, false) << value;
    EXPECT_NEAR(after.capacity, before.capacity, before.capacity / 10) << value;
  }
}

// Row "Bad input".
TEST_F(Failures, ShrunkenListsAreRefusedUntilOverridden) {
  FakeWorld world({region(.4), region(.4)});
  const auto file = folder_.path() / "r0.workers";
  ASSERT_TRUE(replace_file(file, "10.0.0.2:1000-1099\n").ok());
  const auto manager = start(world, lead_alone(), "state", [&](FleetConfig& config) {
    config.region_configs[0].workers.clear();
    config.region_configs[0].workers_file = file;
  });
  world.run(*manager, 5);
  ASSERT_EQ(published(*manager).regions[0].endpoints.size(), 100);

  ASSERT_TRUE(replace_file(file, "10.0.0.2:1000-1069\n").ok());  // 30 %: still fine
  world.run(*manager, 1);
  EXPECT_EQ(published(*manager).regions[0].endpoints.size(), 70);

  ASSERT_TRUE(replace_file(file, "10.0.0.2:1000-1039\n").ok());
  world.run(*manager, 2);
  EXPECT_EQ(published(*manager).regions[0].endpoints.size(), 70);
  const auto refusals = manager->snapshot()->refusals;
  ASSERT_EQ(refusals.size(), 1);
  EXPECT_EQ(refusals[0].what, "r0 would lose 43 % of its endpoints (70 -> 40)");
  EXPECT_EQ(manager->override_refusal("r0-3").code(), base::StatusCode::kNotFound);
  EXPECT_TRUE(manager->override_refusal(refusals[0].id).ok());
  world.run(*manager, 1);
  EXPECT_EQ(published(*manager).regions[0].endpoints.size(), 40);
  EXPECT_TRUE(manager->snapshot()->refusals.empty());

  // An override is for one change.
  ASSERT_TRUE(replace_file(file, "").ok());
  world.run(*manager, 2);
  EXPECT_EQ(published(*manager).regions[0].endpoints.size(), 40);
  EXPECT_THAT(manager->snapshot()->refusals,
              Contains(Field(&Refusal::what, HasSubstr("r0 would have no endpoints"))));

  // A broken file keeps the list too.
  ASSERT_TRUE(replace_file(file, "not an address\n").ok());
  world.run(*manager, 1);
  EXPECT_EQ(published(*manager).regions[0].endpoints.size(), 40);
}

TEST_F(Failures, AFirstListThatIsEmptyIsNotPublished) {
  FakeWorld world({region(.4), region(.4)});
  const auto file = folder_.path() / "r0.workers";
  ASSERT_TRUE(replace_file(file, "").ok());
  const auto manager = start(world, lead_alone(), "state", [&](FleetConfig& config) {
    config.region_configs[0].workers.clear();
    config.region_configs[0].workers_file = file;
  });
  world.run(*manager, 20);
  EXPECT_FALSE(manager->snapshot()->publication);
  EXPECT_EQ(manager->snapshot()->refusals.size(), 1);
}

TEST_F(Failures, DrainingWorkersLeaveTheList) {
  FakeWorld world({region(.4), region(.4)});
  const auto manager = start(world);
  world.run(*manager, 5);
  world.regions[0].draining = {3, 4};
  world.run(*manager, 2);
  EXPECT_EQ(published(*manager).regions[0].endpoints.size(), 98);
  world.regions[0].draining.clear();
  world.run(*manager, 2);
  EXPECT_EQ(published(*manager).regions[0].endpoints.size(), 100);
}

// Row "Region GPU blackout".
TEST_F(Failures, ADeadRegionIsEvacuatedAtOnceAndItsReceiversAreBounded) {
  FakeWorld world({region(.6), region(.4), region(.4)});
  const auto manager = start(world);
  world.run(*manager, 10);
  world.regions[0].dead = true;
  for (int epoch = 0; epoch < 10; ++epoch) {
    world.run(*manager, 1);
    for (int r = 1; r < 3; ++r) EXPECT_LE(report(*manager, r).planned_utilisation, 1.0) << epoch;
    // The workers' own metrics linger for three epochs; the gateways tell at once.
    if (epoch >= 1) {
      EXPECT_TRUE(report(*manager, 0).dead) << epoch;
      EXPECT_EQ(weight(*manager, 0, 0), 0) << epoch;
    }
  }
  EXPECT_TRUE(was_said(*manager, "r0 has no worker left"));
  EXPECT_EQ(published(*manager).regions[0].endpoints.size(), 100);  // they may come back

  world.regions[0].dead = false;
  world.run(*manager, 60);
  EXPECT_EQ(published(*manager).table, policy::home_table(3));
}

// Not a blackout: the manager is blind, the gateways are not.
TEST_F(Failures, WorkersThatOnlyTheManagerCannotReadAreNotDead) {
  FakeWorld world({region(.6), region(.4), region(.4)});
  const auto manager = start(world);
  world.run(*manager, 10);
  world.regions[0].workers_silent = true;
  world.run(*manager, 10);
  EXPECT_FALSE(report(*manager, 0).dead);
  EXPECT_TRUE(report(*manager, 0).stale);
  EXPECT_EQ(weight(*manager, 0, 0), kWeightSum);
}

// Row "Ingress blackout".
TEST_F(Failures, DemandThatComesBackReturnsInSteps) {
  FakeWorld world({region(1.4), region(.4), region(.4)});
  const auto manager = start(world);
  world.run(*manager, 40);
  world.regions[0].dark = true;
  world.run(*manager, 40);
  EXPECT_EQ(weight(*manager, 0, 0), kWeightSum);
  world.regions[0].dark = false;
  for (int epoch = 0; epoch < 30; ++epoch) {
    const policy::Table before = published(*manager).table;
    world.run(*manager, 1);
    // What the new table adds over the old one, with the demand there is.
    for (int r = 1; r < 3; ++r) {
      const double added =
          utilisation(*manager, published(*manager).table, r) - utilisation(*manager, before, r);
      EXPECT_LE(added, .051) << "epoch " << epoch;  // .05 and what weights round
    }
  }
  EXPECT_LT(weight(*manager, 0, 0), 8000);
}

// Row "Partition".
TEST_F(Failures, AReceiverOutOfReachIsExcludedForThatSourceAlone) {
  FakeWorld world({region(1.5), region(.1), region(.1), region(1.5)});
  const auto manager = start(world);
  world.run(*manager, 30);
  const int used = weight(*manager, 0, 1) > weight(*manager, 0, 2) ? 1 : 2;
  ASSERT_GT(weight(*manager, 0, used), 1000);
  world.regions[0].cut_off = {used};
  world.run(*manager, 6);
  EXPECT_EQ(weight(*manager, 0, used), 0);
  EXPECT_THAT(manager->snapshot()->unreachable, Contains(std::pair(0, used)));
  world.run(*manager, 3);
  EXPECT_GT(weight(*manager, 0, 3 - used), 1000);
  EXPECT_GT(weight(*manager, 3, used), 1000);  // the other source goes where this one cannot
  // It is tried again, and used once it answers.
  world.regions[0].cut_off.clear();
  world.run(*manager, 60);
  EXPECT_TRUE(manager->snapshot()->unreachable.empty());
}

// Row "Herd": several hot regions and one cool one.
TEST_F(Failures, AHerdDoesNotTrampleTheOneCoolRegion) {
  FakeWorld world({region(1.2), region(1.2), region(1.2), region(.1)});
  const auto manager = start(world);
  double before = 0;
  for (int epoch = 0; epoch < 40; ++epoch) {
    world.run(*manager, 1);
    const double now = report(*manager, 3).planned_utilisation;
    EXPECT_LE(now, 1.0) << epoch;
    if (epoch > 5) {
      EXPECT_LE(now, before + .06) << epoch;
    }
    before = now;
    EXPECT_EQ(home_weight(*manager, 3), kWeightSum);
  }
  EXPECT_GT(before, .7);
}

// Row "Correlated retries": what the manager has to do with it is that tries are not demand.
TEST_F(Failures, TriesAndImportsAreNotDemand) {
  FakeWorld world({region(.5), region(.5)});
  const auto manager = start(world);
  world.run(*manager, 20);
  // The fake gateways also count 123456 imports; only what users sent counts.
  EXPECT_NEAR(report(*manager, 0).demand / 1000.0, world.regions[0].demand,
              world.regions[0].demand / 20);
}

// Row "Global overload".
TEST_F(Failures, WhatNobodyCanTakeIsShedAtItsSource) {
  FakeWorld world({region(2), region(2), region(2)});
  const auto manager = start(world);
  world.run(*manager, 40);
  for (int r = 0; r < 3; ++r) {
    const double dropped =
        static_cast<double>(published(*manager).table.drop[r]) / policy::kDropSum;
    EXPECT_GT(dropped, .4) << r;
    EXPECT_LT(dropped, .6) << r;
  }
  const double goodput_before = world.success();
  world.run(*manager, 100);
  // Usable capacity is .88 of all workers; of that at least 95 % is used at twice the load.
  EXPECT_GT(world.success(), .95 * .5);
  EXPECT_GT(goodput_before, .45);
}

TEST_F(Failures, AnyFailureAtAnyMomentLeavesAValidTable) {
  std::mt19937 random(7);
  FakeWorld world({region(.9), region(1.3), region(.3), region(.6), region(.5)});
  const auto manager = start(world);
  int64_t version = 0;
  for (int epoch = 0; epoch < 600; ++epoch) {
    FakeRegion& hit = world.regions[random() % world.regions.size()];
    switch (random() % 10) {
      case 0:
        hit.gateway_silent = !hit.gateway_silent;
        break;
      case 1:
        hit.workers_silent = !hit.workers_silent;
        break;
      case 2:
        hit.dead = !hit.dead;
        break;
      case 3:
        hit.dark = !hit.dark;
        break;
      case 4:
        hit.demand = static_cast<double>(random() % 60);
        break;
      case 5:
        hit.broken_value = random() % 2 == 0 ? "NaN" : "";
        break;
      case 6:
        hit.cut_off = {static_cast<int>(random() % world.regions.size())};
        break;
      default:
        break;
    }
    world.run(*manager, 1);
    const auto snapshot = manager->snapshot();
    if (!snapshot->publication) continue;
    const Publication& now = *snapshot->publication;
    EXPECT_TRUE(policy::validate(now.table, 5).ok()) << epoch;
    EXPECT_GE(now.version, version) << epoch;
    version = now.version;
    for (const PublishedRegion& region : now.regions) EXPECT_EQ(region.endpoints.size(), 100);
    ASSERT_TRUE(parse_publication(to_json(now), "again").ok()) << epoch;
  }
}

}  // namespace
}  // namespace zoetrope::traffic::control

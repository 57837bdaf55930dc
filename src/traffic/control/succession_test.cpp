// The rows of the failure table of docs/traffic.md that concern managers themselves: one that stops
// and starts again, two at once, a commit that fails.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "traffic/control/files.h"
#include "traffic/control/manager_fixture.h"

namespace zoetrope::traffic::control {
namespace {

using Failures = testing::ManagerFixture;
using testing::FakeWorld;
using testing::published;
using testing::region;
using testing::Seat;
using testing::usable;
using testing::was_said;
using testing::weight;

// Row "Manager down", and the restart after it.
TEST_F(Failures, ARestartServesTheLastTableAndPublishesNothingBeforeAFullScrape) {
  FakeWorld world({region(1.3), region(.4), region(.4)});
  policy::Table table;
  int64_t version = 0;
  {
    const auto manager = start(world);
    world.run(*manager, 30);
    table = published(*manager).table;
    version = published(*manager).version;
  }
  ASSERT_NE(table, policy::home_table(3));
  for (int i = 0; i < 120; ++i) world.pass(table);  // ten minutes without a manager
  const double success = world.success();

  world.regions[1].gateway_silent = true;
  const auto again = start(world);
  EXPECT_EQ(published(*again).table, table);
  EXPECT_EQ(published(*again).version, version);
  world.regions[0].demand = .2 * usable(100);  // something to publish about
  world.run(*again, 8);
  EXPECT_TRUE(again->snapshot()->waiting);
  EXPECT_EQ(published(*again).version, version);
  world.regions[1].gateway_silent = false;
  world.run(*again, 10);
  EXPECT_FALSE(again->snapshot()->waiting);
  EXPECT_GT(published(*again).version, version);
  EXPECT_GE(world.success(), success - 1e-9);
}

TEST_F(Failures, ARegionThatNeverAnswersDoesNotHoldUpTheOthers) {
  FakeWorld world({region(1.3), region(.4), region(.4)});
  world.regions[2].gateway_silent = world.regions[2].workers_silent = true;
  const auto manager = start(world);
  world.run(*manager, 11);
  EXPECT_FALSE(manager->snapshot()->publication);
  world.run(*manager, 20);
  EXPECT_GT(weight(*manager, 0, 1), 0);
  EXPECT_EQ(weight(*manager, 0, 2), 0);
}

TEST_F(Failures, ABrokenOrForeignTableOnTheDiskIsNotUsed) {
  FakeWorld world({region(.4), region(.4)});
  for (const char* text : {"", "{", "{}", R"({"version":1,"regions":[],"runtime":{}})"}) {
    std::filesystem::create_directories(folder_.path() / "state");
    std::ofstream(folder_.path() / "state/table.json") << text;
    const auto manager = start(world);
    EXPECT_FALSE(manager->snapshot()->publication) << text;
    EXPECT_TRUE(was_said(*manager, "The last table is not used")) << text;
  }
  {
    FakeWorld other({region(.4)});
    const auto manager = start(other);
    other.run(*manager, 5);
    ASSERT_TRUE(manager->snapshot()->publication);
  }
  const auto manager = start(world);
  EXPECT_FALSE(manager->snapshot()->publication);
  EXPECT_TRUE(was_said(*manager, "is for other regions"));
}

TEST_F(Failures, VersionsGoOnFromWhatGatewaysHaveWhenTheDiskIsLost) {
  FakeWorld world({region(.4), region(.4)});
  FleetConfig config = world.config(folder_.path() / "state");
  Surroundings around = world.surroundings();
  around.fetch = [inner = around.fetch](const std::vector<Target>& targets, Time now) {
    std::vector<Scrape> scrapes = inner(targets, now);
    for (Scrape& scrape : scrapes) {
      if (scrape.target.kind != TargetKind::kGateway || !scrape.samples.ok()) continue;
      scrape.samples->push_back({"envoy_cluster_version_text",
                                 {{"envoy_cluster_name", "pool"}, {"text_value", "41"}},
                                 0});
    }
    return scrapes;
  };
  const auto manager = Manager::make(std::move(config), std::move(around)).value_or_throw();
  world.run(*manager, 5);
  EXPECT_EQ(published(*manager).version, 42);
}

// Row "Two managers".
TEST_F(Failures, OfTwoManagersOnePublishesAndTheOtherFollows) {
  FakeWorld world({region(1.3), region(.4), region(.4)});
  Seat seat;
  const auto a = start(world, world.leadership(seat, "10.9.9.1:1"), "a");
  const auto b = start(world, world.leadership(seat, "10.9.9.2:1"), "b");
  world.pull = [&](const std::string& leader) -> base::Result<std::string> {
    const Manager& asked = leader == "10.9.9.1:1" ? *a : *b;
    if (!asked.snapshot()->publication) return base::unavailable("no table");
    return to_json(*asked.snapshot()->publication);
  };
  int64_t last = 0;
  auto both = [&](int epochs) {
    for (int i = 0; i < epochs; ++i) {
      world.run(*a, 1);
      b->epoch(world.now());
      for (const Manager* manager : {a.get(), b.get()}) {
        const auto snapshot = manager->snapshot();
        if (!snapshot->publication) continue;
        EXPECT_LE(snapshot->publication->version, seat.version);
        last = std::max(last, snapshot->publication->version);
      }
    }
  };
  both(30);
  EXPECT_TRUE(a->snapshot()->standing.leads);
  EXPECT_FALSE(b->snapshot()->standing.leads);
  EXPECT_EQ(published(*a).version, published(*b).version);
  EXPECT_EQ(published(*a).table, published(*b).table);

  // The leader is cut off: its lease runs out, the other takes over and goes on.
  const int64_t before = published(*a).version;
  seat.cut_off.insert("10.9.9.1:1");
  seat.holder.clear();
  world.regions[0].demand = .3 * usable(100);
  both(30);
  EXPECT_FALSE(a->snapshot()->standing.leads);
  EXPECT_TRUE(b->snapshot()->standing.leads);
  EXPECT_GT(published(*b).version, before);
  EXPECT_EQ(published(*a).version, before);  // it published nothing while nobody could tell

  // It comes back, and follows.
  seat.cut_off.clear();
  both(3);
  EXPECT_FALSE(a->snapshot()->standing.leads);
  EXPECT_EQ(published(*a).version, published(*b).version);
}

TEST_F(Failures, ACommitThatFailsPublishesNothing) {
  FakeWorld world({region(1.3), region(.4)});
  Seat seat;
  const auto manager = start(world, world.leadership(seat, "me"), "state");
  world.run(*manager, 3);
  const int64_t version = published(*manager).version;
  seat.version = 1000;  // another published behind its back
  seat.holder = "me";
  world.regions[0].demand = 2 * usable(100);
  world.run(*manager, 5);
  // It learned of version 1000 and goes on above it, never below.
  EXPECT_GT(published(*manager).version, 1000);
  EXPECT_LT(version, 1000);
}

}  // namespace
}  // namespace zoetrope::traffic::control

// Single parts of the manager: rates, observation, guard, reachability, Prometheus as a source,
// words.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "traffic/control/fake_world.h"
#include "traffic/control/scraper.h"
#include "traffic/control/words.h"

namespace zoetrope::traffic::control {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(TargetState, TurnsCountersIntoRates) {
  TargetState state;
  EXPECT_FALSE(state.rate("rq", {}));
  state.take({{"rq", {}, 100}}, seconds(10));
  EXPECT_FALSE(state.rate("rq", {}));  // one reading has no rate
  state.take({{"rq", {}, 150}}, seconds(20));
  EXPECT_EQ(state.rate("rq", {}), 5);
  // The same scrape again, or an older one, says nothing new.
  state.take({{"rq", {}, 900}}, seconds(20));
  state.take({{"rq", {}, 900}}, seconds(15));
  EXPECT_EQ(state.rate("rq", {}), 5);
  EXPECT_EQ(state.taken(), seconds(20));
  EXPECT_FALSE(state.rate("other", {}));
}

TEST(TargetState, RestartsAndBrokenValuesHaveNoRate) {
  TargetState state;
  state.take({{"rq", {}, 100}}, seconds(10));
  state.take({{"rq", {}, 10}}, seconds(20));
  EXPECT_FALSE(state.rate("rq", {}));
  state.take({{"rq", {}, 20}}, seconds(30));
  EXPECT_EQ(state.rate("rq", {}), 1);
  state.take({{"rq", {}, std::nan("")}}, seconds(40));
  EXPECT_FALSE(state.rate("rq", {}));
  state.take({{"rq", {}, 40}}, seconds(50));
  EXPECT_FALSE(state.rate("rq", {}));
  state.take({{"rq", {}, 50}, {"rq", {{"to", "new"}}, 5}}, seconds(60));
  EXPECT_EQ(state.rate("rq", {}), 1.5);  // a counter that appeared began at 0
}

PublishedRegion published_region(const std::string& name, const std::vector<Address>& endpoints) {
  PublishedRegion region;
  region.name = name;
  region.import = {"10.0.0.1", 81};
  region.endpoints = endpoints;
  return region;
}

TEST(Guard, RefusesTablesThatAreNone) {
  Publication last;
  last.regions.push_back(published_region("a", {{"10.0.0.1", 2}}));
  last.regions.push_back(published_region("b", {{"10.0.0.2", 2}}));
  last.table = policy::home_table(2);
  for (const auto& [s, t, weight] : {std::tuple(0, 0, 9999), std::tuple(0, 0, -1),
                                     std::tuple(1, 0, 1), std::tuple(1, 1, 10001)}) {
    Publication next = last;
    next.table.weight.at(s, t) = weight;
    const Guarded guarded = Guard().check(next, last);
    ASSERT_EQ(guarded.refusals.size(), 1);
    EXPECT_EQ(guarded.refusals[0].id, "table");
    ASSERT_TRUE(guarded.publication);
    EXPECT_EQ(guarded.publication->table, last.table);
    // Nothing lets such a table through.
    Guard persuaded;
    persuaded.override_refusal("table");
    EXPECT_EQ(persuaded.check(next, last).publication->table, last.table);
  }
  EXPECT_TRUE(Guard().check(last, last).refusals.empty());
}

TEST(Guard, ReplacedEndpointsAreLostOnes) {
  Publication last;
  last.regions.push_back(published_region("a", {}));
  last.table = policy::home_table(1);
  for (uint16_t port = 1; port <= 10; ++port)
    last.regions[0].endpoints.push_back({"10.0.0.1", port});
  Publication next = last;
  for (int i = 0; i < 3; ++i) next.regions[0].endpoints[i].host = "10.0.0.9";
  EXPECT_TRUE(Guard().check(next, last).refusals.empty());
  next.regions[0].endpoints[3].host = "10.0.0.9";
  EXPECT_EQ(Guard().check(next, last).refusals.size(), 1);
}

policy::RegionInput told(double rps, const std::vector<double>& admitted) {
  policy::RegionInput input;
  input.demand = policy::to_millirps(rps);
  for (const double rate : admitted) input.admitted.push_back(*policy::to_millirps(rate));
  return input;
}

TEST(Reachability, NeedsEnoughRequestsAndTwoEpochs) {
  policy::Table table = policy::home_table(2);
  table.weight.at(0, 0) = table.weight.at(0, 1) = 5000;
  Reachability busy(2);
  busy.step(table, {told(100, {50, 0}), told(0, {0, 0})}, 5);
  EXPECT_THAT(busy.unreachable(), IsEmpty());
  busy.step(table, {told(100, {50, 0}), told(0, {0, 0})}, 5);
  EXPECT_THAT(busy.unreachable(), ElementsAre(std::pair(0, 1)));

  Reachability quiet(2);  // 0.1 requests/s go there: silence means nothing for a long time
  for (int i = 0; i < 30; ++i) quiet.step(table, {told(.2, {.1, 0}), told(0, {0, 0})}, 5);
  EXPECT_THAT(quiet.unreachable(), IsEmpty());

  Reachability blind(2);  // nothing is known of the source
  for (int i = 0; i < 30; ++i) blind.step(table, {policy::RegionInput(), told(0, {0, 0})}, 5);
  EXPECT_THAT(blind.unreachable(), IsEmpty());

  Reachability down(2);  // the source serves nobody at all: not its way to region 1
  for (int i = 0; i < 30; ++i) down.step(table, {told(100, {0, 0}), told(0, {0, 0})}, 5);
  EXPECT_THAT(down.unreachable(), IsEmpty());
}

TEST(Reachability, IsTriedAgainEachTimeLater) {
  policy::Table table = policy::home_table(2);
  table.weight.at(0, 0) = table.weight.at(0, 1) = 5000;
  Reachability pairs(2);
  std::vector<int> lengths;
  bool was = false;
  for (int i = 0; i < 800; ++i) {
    pairs.step(table, {told(100, {50, 0}), told(0, {0, 0})}, 5);
    const bool is = !pairs.unreachable().empty();
    if (is && !was) lengths.push_back(0);
    if (is) ++lengths.back();
    was = is;
  }
  ASSERT_GE(lengths.size(), 5);
  for (size_t i = 1; i < 4; ++i) EXPECT_NEAR(lengths[i], 2 * lengths[i - 1], 1) << i;
  EXPECT_LE(lengths.back(), 120);
}

TEST(Prometheus, SamplesKeepTheirAge) {
  const Address server{"10.0.0.9", 9090};
  const std::vector<Target> targets = {{0, TargetKind::kWorker, {"10.0.0.1", 80}},
                                       {0, TargetKind::kWorker, {"10.0.0.2", 80}}};
  const std::string reply = R"({"status":"success","data":{"resultType":"matrix","result":[
    {"metric":{"__name__":"zoetrope_load","instance":"10.0.0.1:80"},"values":[[1000,"1"]]}]}})";
  const auto scrapes =
      remembered_scrapes(targets, reply, server, seconds(500), std::chrono::seconds(1012));
  ASSERT_EQ(scrapes.size(), 2);
  EXPECT_TRUE(scrapes[0].samples.ok());
  EXPECT_EQ(scrapes[0].taken, seconds(488));  // twelve seconds before now
  EXPECT_EQ(scrapes[1].samples.status().message(), "10.0.0.9:9090: knows nothing of 10.0.0.2:80");
  for (const Scrape& scrape :
       remembered_scrapes(targets, base::unavailable("down"), server, seconds(500), seconds(1))) {
    EXPECT_EQ(scrape.samples.status().message(), "down");
  }
  EXPECT_EQ(prometheus_target({"a", "b_c"}),
            "/api/v1/query?query=%7B__name__%3D%7E%22a%7Cb_c%22%7D%5B1m%5D");
}

TEST(Words, SayWhatARowDoes) {
  Publication publication;
  publication.version = 2;
  for (const char* name : {"use1", "use2", "euw1"}) {
    publication.regions.push_back(published_region(name, {}));
  }
  publication.table = policy::home_table(3);
  EXPECT_EQ(row_in_words(publication, 0), "all at home");
  Publication before = publication;
  policy::Matrix<int>& weight = publication.table.weight;
  weight.at(0, 0) = 8150;
  weight.at(0, 1) = 1800;
  weight.at(0, 2) = 50;
  publication.table.drop[0] = 30'000;
  EXPECT_EQ(row_in_words(publication, 0),
            "82 % at home, 18 % to use2, 0.5 % to euw1, 3 % refused at its gateway");
  EXPECT_EQ(change_in_words(before, publication),
            "use1: 82 % at home, 18 % to use2, 0.5 % to euw1, 3 % refused at its gateway (was all "
            "at home)");
  weight.at(0, 0) = 0;
  EXPECT_THAT(row_in_words(publication, 0), HasSubstr("nothing at home"));
  EXPECT_EQ(change_in_words(Publication(), publication), "First table");
  EXPECT_EQ(change_in_words(before, before), "Endpoints changed");
}

}  // namespace
}  // namespace zoetrope::traffic::control

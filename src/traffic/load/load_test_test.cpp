#include "traffic/load/load_test.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "traffic/load/figures.h"

namespace zoetrope::traffic::load {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(ScheduleTest, IsAPoissonProcess) {
  const std::vector<Stage> stages = {{100, seconds(200)}, {400, seconds(100)}};
  const std::vector<nanoseconds> due = arrivals(stages, 3);
  EXPECT_TRUE(std::is_sorted(due.begin(), due.end()));
  const auto in_stage = [&](nanoseconds from, nanoseconds to) {
    return std::count_if(due.begin(), due.end(),
                         [&](nanoseconds t) { return t >= from && t < to; });
  };
  EXPECT_NEAR(static_cast<double>(in_stage(seconds(0), seconds(200))), 20'000,
              5 * std::sqrt(20'000));
  EXPECT_NEAR(static_cast<double>(in_stage(seconds(200), seconds(300))), 40'000,
              5 * std::sqrt(40'000));
  // Exponential gaps: the deviation is the mean.
  double sum = 0;
  double squares = 0;
  constexpr int kGaps = 10'000;
  for (size_t i = 1; i <= kGaps; ++i) {
    const double gap = std::chrono::duration<double>(due[i] - due[i - 1]).count();
    sum += gap;
    squares += gap * gap;
  }
  EXPECT_NEAR(std::sqrt(squares / kGaps - sum / kGaps * sum / kGaps) / (sum / kGaps), 1, 0.05);
  EXPECT_EQ(due, arrivals(stages, 3));
  EXPECT_NE(due, arrivals(stages, 4));
}

TEST(ScheduleTest, StairsGoFromFirstToLast) {
  const auto stages = staircase(10, 30, 3, seconds(5)).value_or_throw();
  ASSERT_EQ(stages.size(), 3u);
  EXPECT_DOUBLE_EQ(stages[0].rate, 10);
  EXPECT_DOUBLE_EQ(stages[1].rate, 20);
  EXPECT_DOUBLE_EQ(stages[2].rate, 30);
  EXPECT_THAT(staircase(0, 1, 1, seconds(1)).status().message(), StartsWith("from:"));
  EXPECT_THAT(staircase(NAN, 1, 1, seconds(1)).status().message(), StartsWith("from:"));
  EXPECT_THAT(staircase(2, 1, 1, seconds(1)).status().message(), StartsWith("to:"));
  EXPECT_THAT(staircase(2, INFINITY, 1, seconds(1)).status().message(), StartsWith("to:"));
  EXPECT_THAT(staircase(1, 2, 0, seconds(1)).status().message(), StartsWith("steps:"));
  EXPECT_THAT(staircase(1, 2, 2, seconds(0)).status().message(), StartsWith("step:"));
}

TEST(UrlTest, IsReadOrRefused) {
  const Endpoint endpoint = parse_url("http://example.test:8080/v1/videos").value_or_throw();
  EXPECT_EQ(endpoint.host, "example.test");
  EXPECT_EQ(endpoint.port, 8080);
  EXPECT_EQ(endpoint.path, "/v1/videos");
  EXPECT_EQ(parse_url("http://h").value_or_throw().port, 80);
  for (const char* bad : {"", "h:80", "https://h", "http://", "http://:80", "http://h:0",
                          "http://h:99999", "http://h:8x", "http://h/a b"}) {
    EXPECT_THAT(parse_url(bad).status().message(), StartsWith("url:")) << bad;
  }
}

TEST(FiguresTest, PercentilesAreNearestRanks) {
  std::vector<double> values;
  for (int i = 1000; i >= 1; --i) values.push_back(i);
  const Percentiles of = percentiles(values);
  EXPECT_DOUBLE_EQ(of.p50, 500);
  EXPECT_DOUBLE_EQ(of.p90, 900);
  EXPECT_DOUBLE_EQ(of.p99, 990);
  EXPECT_DOUBLE_EQ(of.p999, 999);
  EXPECT_DOUBLE_EQ(percentiles({7}).p50, 7);
  EXPECT_DOUBLE_EQ(percentiles({}).p99, 0);
}

JobRecord record(nanoseconds due, Outcome outcome, nanoseconds took, const std::string& region) {
  JobRecord made;
  made.due = due;
  made.admitted = due + took / 2;
  made.ended = due + took;
  made.outcome = outcome;
  made.submissions = 1;
  made.attempts = 3;
  made.region = region;
  return made;
}

TEST(FiguresTest, CountJobsByWhenTheyWereDue) {
  const std::vector<JobRecord> records = {
      record(seconds(1), Outcome::kDone, seconds(4), "a"),
      record(seconds(2), Outcome::kDeadline, seconds(60), ""),
      record(seconds(9), Outcome::kDone, seconds(8), "b"),
      record(seconds(10), Outcome::kDone, seconds(1), "a"),
  };
  const Figures first = figures(records, seconds(0), seconds(10));
  EXPECT_EQ(first.jobs, 3);
  EXPECT_EQ(first.done, 2);
  EXPECT_DOUBLE_EQ(first.success, 2.0 / 3);
  EXPECT_DOUBLE_EQ(first.goodput, 0.2);
  EXPECT_DOUBLE_EQ(first.attempts, 3);
  EXPECT_DOUBLE_EQ(first.latency.p50, 4);
  EXPECT_DOUBLE_EQ(first.latency.p99, 8);
  EXPECT_DOUBLE_EQ(first.admission.p50, 2);
  EXPECT_EQ(first.by_region.at("b"), 1);
  EXPECT_EQ(first.outcomes.at("deadline"), 1);
  EXPECT_EQ(to_json(first).at("outcomes").at("done"), 2);
}

TEST(FiguresTest, TheKneeLiesBetweenTheStagesWhereSuccessIsLost) {
  const auto stage = [](double rate, double success) {
    StageFigures made;
    made.stage.rate = rate;
    made.figures.success = success;
    return made;
  };
  EXPECT_NEAR(*knee({stage(10, 1), stage(20, .998), stage(30, .958)}, .99), 22, 1e-9);
  EXPECT_FALSE(knee({stage(10, 1), stage(20, 1)}, .99)) << "beyond what was tried";
  EXPECT_FALSE(knee({stage(10, .5)}, .99)) << "below what was tried";
}

// Against nothing that listens: every job is accounted for, and ends at its deadline.
TEST(LoadTest, WithoutAnEndpointEveryJobEndsAtItsDeadline) {
  Options options;
  options.endpoint.port = 1;  // reserved: nobody listens there
  options.stages = {{200, milliseconds(300)}};
  options.deadline = milliseconds(250);
  options.submit.backoff = {milliseconds(10), milliseconds(50)};
  const auto records = run(options, base::CancelToken());
  EXPECT_EQ(records.size(), arrivals(options.stages, options.seed).size());
  for (const JobRecord& record : records) {
    EXPECT_EQ(record.outcome, Outcome::kDeadline);
    EXPECT_GE(record.submissions, 2) << "it was tried again";
    EXPECT_EQ(record.status, 0);
  }
}

TEST(LoadTest, CountsAsLostWhatItCannotCarry) {
  Options options;
  options.endpoint.port = 1;
  options.stages = {{500, milliseconds(200)}};
  options.deadline = milliseconds(400);
  options.most_in_flight = 3;
  const auto records = run(options, base::CancelToken());
  const Figures all = figures(records, seconds(0), seconds(1));
  EXPECT_EQ(all.jobs, static_cast<int64_t>(arrivals(options.stages, 1).size()));
  EXPECT_GT(all.outcomes.at("lost"), all.outcomes.at("deadline"));
}

TEST(LoadTest, StopsWhenToldTo) {
  Options options;
  options.endpoint.port = 1;
  options.stages = {{10, std::chrono::hours(1)}};
  const base::CancelToken stop;
  stop.cancel();
  EXPECT_LT(run(options, stop).size(), 1000u);
}

}  // namespace
}  // namespace zoetrope::traffic::load

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <vector>

#include "base/philox.h"
#include "traffic/submit/backoff.h"
#include "traffic/submit/job_headers.h"
#include "traffic/submit/retry_budget.h"
#include "traffic/submit/smear.h"
#include "traffic/submit/submitter.h"

namespace zoetrope::traffic::submit {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(BackoffTest, WindowsAreThoseMeasuredInEnvoy) {
  // Largest gaps of 400 jobs with base 0.1 s and cap 4 s: .102 .201 .402 .800 1.596 3.195 3.997.
  const Backoff backoff;
  const std::vector<int> expected_ms = {100, 200, 400, 800, 1600, 3200, 4000, 4000};
  for (int tries = 1; tries <= 8; ++tries) {
    EXPECT_EQ(window(backoff, tries), milliseconds(expected_ms[static_cast<size_t>(tries - 1)]));
  }
}

TEST(BackoffTest, IsFullJitter) {
  const Backoff backoff;
  constexpr int kDraws = 100'000;
  for (const int tries : {1, 3, 9}) {
    const double length = static_cast<double>(window(backoff, tries).count());
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < kDraws; ++i) {
      const double uniform = base::uniform_at(7, static_cast<uint64_t>(tries), i);
      const double drawn = static_cast<double>(wait(backoff, tries, uniform).count()) / length;
      ASSERT_GE(drawn, 0);
      ASSERT_LT(drawn, 1);
      sum += drawn;
      squares += drawn * drawn;
    }
    // Uniform: mean 1/2, variance 1/12; five standard errors.
    EXPECT_NEAR(sum / kDraws, 0.5, 5 * std::sqrt(1.0 / 12 / kDraws));
    EXPECT_NEAR(squares / kDraws, 1.0 / 3, 5 * std::sqrt(4.0 / 45 / kDraws));
  }
}

RC_GTEST_PROP(BackoffProperty, WindowsGrowToTheCapAndNeverWrap, ()) {
  const auto base_ns = *rc::gen::inRange<int64_t>(1, hours(1) / nanoseconds(1));
  const auto cap_ns = *rc::gen::inRange<int64_t>(base_ns, base_ns + hours(10'000) / nanoseconds(1));
  const int tries = *rc::gen::inRange(1, 2'000'000);
  const Backoff backoff{nanoseconds(base_ns), nanoseconds(cap_ns)};
  RC_ASSERT(window(backoff, 1) == backoff.base);
  RC_ASSERT(window(backoff, tries) >= backoff.base);
  RC_ASSERT(window(backoff, tries) <= backoff.cap);
  RC_ASSERT(window(backoff, tries) <= window(backoff, tries + 1));
  RC_ASSERT(window(backoff, 2'000'000) == backoff.cap);
}

TEST(SmearTest, PutsOffTheShareAndNobodyElse) {
  constexpr int kJobs = 100'000;
  const Smear smear{0.3, seconds(8)};
  int put = 0;
  double sum = 0;
  for (int job = 0; job < kJobs; ++job) {
    const nanoseconds delay = put_off(smear, 11, static_cast<uint64_t>(job));
    ASSERT_GE(delay, nanoseconds(0));
    ASSERT_LT(delay, smear.window);
    if (delay > nanoseconds(0)) ++put;
    sum += static_cast<double>(delay.count()) / 8e9;
    ASSERT_EQ(delay, put_off(smear, 11, static_cast<uint64_t>(job))) << "a job moved";
  }
  EXPECT_NEAR(put / double{kJobs}, 0.3, 5 * std::sqrt(0.3 * 0.7 / kJobs));
  EXPECT_NEAR(sum / put, 0.5, 5 * std::sqrt(1.0 / 12 / put));
  EXPECT_EQ(put_off({0, seconds(8)}, 11, 5), nanoseconds(0));
  EXPECT_GT(put_off({1, seconds(8)}, 11, 5), nanoseconds(0));
}

TEST(RetryBudgetTest, IsAShareOfTheRequestsAndAFloor) {
  RetryBudget budget({0.2, 0, seconds(10)});
  EXPECT_FALSE(budget.try_retry(seconds(1))) << "nothing was asked for yet";
  for (int i = 0; i < 100; ++i) budget.request(seconds(1));
  int retries = 0;
  while (budget.try_retry(seconds(2))) ++retries;
  EXPECT_EQ(retries, 20);

  RetryBudget floor({0, 10, seconds(10)});
  EXPECT_EQ(floor.left(seconds(0)), 100);
  while (floor.try_retry(seconds(0))) {
  }
  EXPECT_EQ(floor.left(seconds(5)), 0) << "what was spent is missing for a whole ttl";
  EXPECT_EQ(floor.left(seconds(12)), 100);
}

TEST(RetryBudgetTest, ForgetsOldRequests) {
  RetryBudget budget({0.5, 0, seconds(10)});
  for (int i = 0; i < 10; ++i) budget.request(seconds(100));
  EXPECT_EQ(budget.left(seconds(109)), 5);
  EXPECT_EQ(budget.left(seconds(112)), 0);
  EXPECT_EQ(budget.left(hours(1000)), 0);
}

RC_GTEST_PROP(RetryBudgetProperty, RetriesNeverExceedWhatTheWindowAllows, ()) {
  const RetryBudgetOptions options{*rc::gen::inRange(0, 100) / 100.0,
                                   double(*rc::gen::inRange(0, 5)), seconds(10)};
  RetryBudget budget(options);
  nanoseconds now{};
  double requests = 0;
  double retries = 0;
  const int steps = *rc::gen::inRange(1, 300);
  for (int i = 0; i < steps; ++i) {
    now += milliseconds(*rc::gen::inRange(0, 2000));
    if (*rc::gen::arbitrary<bool>()) {
      budget.request(now);
      ++requests;
    } else if (budget.try_retry(now)) {
      ++retries;
    }
    // The floor is paid once a ttl, and at most once more at the edges of the window.
    const double windows = std::chrono::duration<double>(now) / options.ttl + 1;
    RC_ASSERT(retries <= options.share * requests + options.per_second * 10 * windows + 1e-6);
  }
}

TEST(JobHeadersTest, SurviveTheWire) {
  const Job job{5, milliseconds(1'795'442'400'123)};
  EXPECT_EQ(attempt_header(job), "5");
  EXPECT_EQ(deadline_header(job), "1795442400123");
  EXPECT_EQ(deadline_header(Job{}), std::nullopt);
  const Job read = read_job(attempt_header(job), *deadline_header(job)).value_or_throw();
  EXPECT_EQ(read.tries, 5);
  EXPECT_EQ(read.deadline, job.deadline);
  const Job none = read_job(std::nullopt, std::nullopt).value_or_throw();
  EXPECT_EQ(none.tries, 0);
  EXPECT_EQ(none.deadline, Job::kNoDeadline);
}

TEST(JobHeadersTest, RefusesWhatIsNoNumber) {
  for (const char* bad : {"", "-1", "3x", " 3", "0x3", "1e3", "99999999999999999999"}) {
    EXPECT_THAT(read_job(bad, std::nullopt).status().message(), StartsWith("x-zoetrope-attempt:"));
    EXPECT_THAT(read_job("1", bad).status().message(), StartsWith("x-zoetrope-deadline:"));
  }
  EXPECT_THAT(read_job(std::nullopt, "nan").status().message(), HasSubstr("'nan'"));
}

TEST(SubmitterTest, WhichAnswersAreWorthAnotherTry) {
  EXPECT_EQ(try_end(200), TryEnd::kDone);
  EXPECT_EQ(try_end(429), TryEnd::kBusy);
  EXPECT_EQ(try_end(400), TryEnd::kRefused);
  EXPECT_EQ(try_end(408), TryEnd::kUnavailable);
  EXPECT_EQ(try_end(503), TryEnd::kUnavailable);
  EXPECT_EQ(try_end(504), TryEnd::kUnavailable);

  const SubmitOptions options;
  EXPECT_EQ(after_try(options, {1}, TryEnd::kDone, seconds(1), 0.5).verdict, Verdict::kDone);
  EXPECT_EQ(after_try(options, {1}, TryEnd::kRefused, seconds(1), 0.5).verdict, Verdict::kRefused);
  EXPECT_EQ(after_try(options, {1}, TryEnd::kBusy, seconds(1), 0.5).verdict, Verdict::kRetry);
}

TEST(SubmitterTest, BackOffGoesOnAcrossResubmissionsUnlessForgotten) {
  const auto gap = [](Memory memory, int tries) {
    SubmitOptions options;
    options.memory = memory;
    return after_try(options, {tries}, TryEnd::kBusy, seconds(10), 0.5).at - seconds(10);
  };
  EXPECT_EQ(gap(Memory::kKept, 1), milliseconds(50));
  EXPECT_EQ(gap(Memory::kKept, 5), milliseconds(800));
  EXPECT_EQ(gap(Memory::kReset, 5), milliseconds(50));
  EXPECT_EQ(gap(Memory::kImmediate, 5), milliseconds(0));
}

TEST(SubmitterTest, RetryAfterComesBeforeTheBackOff) {
  const Decision next =
      after_try({}, {1}, TryEnd::kBusy, seconds(10), 0.5, nullptr, nanoseconds(seconds(3)));
  EXPECT_EQ(next.at, seconds(13) + milliseconds(50));
}

TEST(SubmitterTest, EndsAtTheDeadlineTheBudgetOrTheLastTry) {
  SubmitOptions options;
  const Job job{9, seconds(12)};
  EXPECT_EQ(after_try(options, job, TryEnd::kBusy, seconds(10), 0.9).verdict, Verdict::kDeadline);
  EXPECT_EQ(after_try(options, job, TryEnd::kBusy, seconds(10), 0.1).verdict, Verdict::kRetry);
  EXPECT_EQ(after_try(options, job, TryEnd::kBusy, seconds(13), 0).verdict, Verdict::kDeadline);
  options.max_tries = 9;
  EXPECT_EQ(after_try(options, job, TryEnd::kBusy, seconds(10), 0.1).verdict, Verdict::kTries);
  RetryBudget budget({0, 0, seconds(10)});
  EXPECT_EQ(after_try({}, job, TryEnd::kBusy, seconds(10), 0.1, &budget).verdict, Verdict::kBudget);
}

RC_GTEST_PROP(SubmitterProperty, NoTryIsMadeAfterTheDeadline, ()) {
  const Memory memory = *rc::gen::element(Memory::kKept, Memory::kReset);
  SubmitOptions options;
  options.memory = memory;
  options.max_tries = 1'000'000;
  Job job{0, milliseconds(*rc::gen::inRange(0, 60'000))};
  const auto seed = *rc::gen::arbitrary<uint64_t>();
  nanoseconds now{};
  while (job.tries < 10'000) {
    ++job.tries;
    const Decision next = after_try(options, job, TryEnd::kUnavailable, now,
                                    base::uniform_at(seed, 0, static_cast<uint64_t>(job.tries)));
    if (next.verdict != Verdict::kRetry) {
      RC_ASSERT(next.verdict == Verdict::kDeadline);
      return;
    }
    RC_ASSERT(next.at >= now);
    RC_ASSERT(next.at < job.deadline);
    now = next.at;
  }
  RC_FAIL("a minute of back-off cannot hold 10,000 tries");
}

}  // namespace
}  // namespace zoetrope::traffic::submit

// What a crash, a failing store or another server does to jobs: none is lost, none is billed twice.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "engine/jobs/fakes.h"
#include "engine/jobs/job_folders.h"
#include "engine/jobs/job_id.h"

namespace zoetrope::engine::jobs {
namespace {

using base::Status;
using base::StatusCode;
using testing::HasSubstr;

TEST(CrashTest, WhatRanRunsAgainAndWhatWaitedWaits) {
  Bench bench;
  bench.start([](JobServiceOptions& options) { options.queue = 1; });
  bench.engine.hold();
  const Job running = bench.submit(bench.wish(1)), queued = bench.submit(bench.wish(2));
  bench.engine.wait_until_busy();
  bench.crash();
  bench.engine.go();
  bench.start();
  const Job again = bench.ended(running.id);
  EXPECT_EQ(again.state, JobState::kCompleted);
  EXPECT_EQ(again.attempt, 2);
  EXPECT_EQ(bench.engine.picture_of(1), bench.wish(1).what.request.picture);
  EXPECT_EQ(bench.ended(queued.id).state, JobState::kCompleted);
  EXPECT_EQ(bench.store.completions(), 2);
}

TEST(CrashTest, AStopLetsTheNextStartGoOn) {
  Bench bench;
  bench.start();
  bench.engine.hold();
  const Job job = bench.submit();
  bench.engine.wait_until_busy();
  bench.stop();
  EXPECT_EQ(bench.store.find("", job.id).value_or_throw().state, JobState::kQueued);
  bench.engine.go();
  bench.start();
  EXPECT_EQ(bench.ended(job.id).state, JobState::kCompleted);
}

TEST(CrashTest, AJobWhoseClientIsGoneFailsWithTheReason) {
  Bench bench;
  bench.start([](JobServiceOptions& options) { options.queue = 1; });
  bench.engine.hold();
  NewJob wish = bench.wish();
  wish.attended = true;
  const Job running = bench.submit(wish), queued = bench.submit(wish);
  bench.engine.wait_until_busy();
  bench.crash();
  bench.engine.go();
  bench.start();
  for (const Job& job : {bench.ended(running.id), bench.ended(queued.id)}) {
    EXPECT_EQ(job.state, JobState::kFailed);
    EXPECT_EQ(job.error.value().code, StatusCode::kUnavailable);
    EXPECT_THAT(job.error.value().message, HasSubstr("client"));
  }
  EXPECT_EQ(bench.store.completions(), 0);
}

TEST(CrashTest, AJobThatKillsItsServerIsGivenUp) {
  Bench bench;
  Job job;
  for (int attempt = 0; attempt < 3; ++attempt) {
    bench.engine.hold();
    bench.start([](JobServiceOptions& options) { options.max_attempts = 3; });
    if (attempt == 0) job = bench.submit();
    bench.engine.wait_until_busy();
    bench.crash();
  }
  bench.engine.go();
  bench.start();
  job = bench.ended(job.id);
  EXPECT_EQ(job.state, JobState::kFailed);
  EXPECT_THAT(job.error.value().message, HasSubstr("3 times"));
  ASSERT_TRUE(bench.eventually([&] { return bench.service->has_room(); }));
  EXPECT_EQ(bench.ended(bench.submit(bench.wish(9)).id).state, JobState::kCompleted);
}

TEST(CrashTest, ACancelBeforeTheCrashHolds) {
  Bench bench;
  bench.start();
  bench.engine.deaf = true;
  bench.engine.hold();
  const Job job = bench.submit();
  bench.engine.wait_until_busy();
  ASSERT_TRUE(bench.service->cancel("", job.id).ok());
  std::thread end([&] { bench.crash(); });
  bench.engine.go();
  end.join();
  bench.engine.deaf = false;
  bench.start();
  EXPECT_EQ(bench.ended(job.id).state, JobState::kCancelled);
  EXPECT_EQ(bench.store.completions(), 0);
}

TEST(CrashTest, ALeaseThatAnotherServerTookIsLeftToIt) {
  Bench bench;
  bench.start([](JobServiceOptions& options) { options.lease = std::chrono::seconds(1); });
  bench.engine.hold();
  const Job job = bench.submit();
  bench.engine.wait_until_busy();
  bench.store.change(job.id, [](Job& taken) {
    taken.server = "other";
    ++taken.attempt;
    taken.lease_until_ms = int64_t{1} << 60;
  });
  ASSERT_TRUE(bench.eventually([&] { return bench.metric("zoetrope_jobs_total", "lost") == 1; }));
  EXPECT_EQ(bench.service->get("", job.id).value_or_throw().state, JobState::kInProgress);
  EXPECT_TRUE(bench.has_folder(job.id)) << "it is the other's now";
  EXPECT_TRUE(bench.service->has_room());
  EXPECT_EQ(bench.store.completions(), 0);
}

TEST(CrashTest, ALongJobKeepsItsLease) {
  Bench bench;
  bench.start([](JobServiceOptions& options) { options.lease = std::chrono::seconds(1); });
  bench.engine.hold();
  const Job job = bench.submit();
  bench.engine.wait_until_busy();
  const int64_t first = bench.store.find("", job.id).value_or_throw().lease_until_ms;
  ASSERT_TRUE(bench.eventually(
      [&] { return bench.store.find("", job.id).value_or_throw().lease_until_ms > first + 1000; }));
  bench.engine.go();
  EXPECT_EQ(bench.ended(job.id).attempt, 1);
}

TEST(CrashTest, ACancelThroughAnotherServerArrives) {
  Bench bench;
  bench.start();
  bench.engine.hold();
  const Job job = bench.submit();
  bench.engine.wait_until_busy();
  ASSERT_TRUE(bench.store.cancel("", job.id, 1).ok());
  EXPECT_EQ(bench.ended(job.id).state, JobState::kCancelled);
}

TEST(CrashTest, AJobThatAnotherServerTookFreesItsPlace) {
  Bench bench;
  bench.start([](JobServiceOptions& options) { options.queue = 1; });
  bench.engine.hold();
  bench.submit(bench.wish(1));
  const Job queued = bench.submit(bench.wish(2));
  bench.engine.wait_until_busy();
  EXPECT_FALSE(bench.service->has_room());
  std::atomic<bool> told = false;
  const auto watch = bench.service->watch("", queued.id, {}, [&](const JobEvent& event) {
    if (event.job.state == JobState::kCompleted) told = true;
  });
  bench.store.change(queued.id, [](Job& job) {
    job.state = JobState::kInProgress;
    job.server = "other";
    job.attempt = 1;
    job.lease_until_ms = int64_t{1} << 60;
  });
  EXPECT_TRUE(bench.eventually([&] { return bench.service->has_room(); }));
  bench.store.change(queued.id, [](Job& job) { job.state = JobState::kCompleted; });
  EXPECT_TRUE(bench.eventually([&] { return told.load(); })) << "watchers hear of it";
}

TEST(CrashTest, AStoreThatFailsNowAndThenLosesNothing) {
  Bench bench;
  std::atomic<int> calls = 0;
  bench.start();
  bench.store.set_fault([&](const std::string& call) {
    const bool fails = call != "create" && ++calls % 3 != 0;
    return fails ? base::unavailable("gone for a moment") : Status();
  });
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    ASSERT_TRUE(bench.eventually([&] { return bench.service->has_room(); }));
    const Job job = bench.submit(bench.wish(seed));
    EXPECT_EQ(bench.ended(job.id).state, JobState::kCompleted);
  }
  EXPECT_EQ(bench.store.completions(), 3);
  EXPECT_EQ(bench.engine.generated(), 3) << "a finish is tried again, not the job";
  EXPECT_GT(bench.metric("zoetrope_store_errors_total", "finish"), 0);
}

TEST(CrashTest, WhileTheStoreIsAwayTheServiceIsNotReady) {
  Bench bench;
  bench.start();
  EXPECT_TRUE(bench.service->health().ready);
  bench.store.set_fault([](const std::string&) { return base::unavailable("away"); });
  EXPECT_EQ(bench.service->submit(bench.wish()).status().code(), StatusCode::kUnavailable);
  EXPECT_FALSE(bench.service->health().ready);
  EXPECT_TRUE(bench.service->health().live);
  EXPECT_THAT(bench.service->health().reason, HasSubstr("store"));
  EXPECT_TRUE(bench.service->has_room()) << "the place was given back";
  bench.store.set_fault(nullptr);
  EXPECT_TRUE(bench.eventually([&] { return bench.service->health().ready; }));
}

TEST(CrashTest, ADrainDoesNotWaitForAStoreThatIsAway) {
  Bench bench;
  bench.start();
  bench.engine.hold();
  const Job job = bench.submit();
  bench.engine.wait_until_busy();
  bench.store.set_fault([](const std::string&) { return base::unavailable("away"); });
  bench.engine.go();
  ASSERT_TRUE(bench.eventually([&] { return bench.engine.generated() == 1; }));
  bench.service->drain(std::chrono::seconds(0));
  bench.stop();
  bench.store.set_fault(nullptr);
  bench.start();
  EXPECT_EQ(bench.ended(job.id).state, JobState::kCompleted);
  EXPECT_EQ(bench.store.completions(), 1);
}

TEST(CrashTest, TwoServersShareAStoreAndMakeEachJobOnce) {
  Bench one;
  one.start([](JobServiceOptions& options) {
    options.server = "one";
    options.queue = 10;
  });
  one.engine.hold();  // so that its jobs are there for the other
  FakeEngine engine;
  prometheus::Registry registry;
  JobServiceOptions options = one.options;
  options.server = "two";
  const auto two = JobService::start(engine, one.store, registry, options).value_or_throw();
  std::vector<Job> jobs;
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    NewJob wish = one.wish(seed);
    wish.attended = true;  // its client waits on the first server, wherever it runs
    jobs.push_back(one.submit(wish));
  }
  ASSERT_TRUE(one.eventually([&] { return engine.generated() >= 5; }));
  one.engine.go();
  for (const Job& job : jobs) {
    EXPECT_EQ(one.ended(job.id).state, JobState::kCompleted);
    EXPECT_TRUE(one.service->read("", job.id, 0).ok()) << "also what the other made";
  }
  EXPECT_EQ(one.store.completions(), 6);
  EXPECT_EQ(one.engine.generated() + engine.generated(), 6);
  EXPECT_TRUE(one.eventually([&] { return one.service->health().queued == 0; }));
}

TEST(CrashTest, FoldersOfNobodyGo) {
  Bench bench;
  const auto jobs = bench.folder.path() / "jobs";
  const JobFolders folders = JobFolders::open(jobs).value_or_throw();
  const std::string old = new_job_id("video", 1).replace(6, 10, "0000000001");
  ASSERT_TRUE(folders.create(old, "anna", media::Image(2, 2)).ok());
  std::filesystem::create_directory(jobs / "precious");
  bench.start();
  const Job young = bench.ended(bench.submit().id);
  EXPECT_TRUE(bench.eventually([&] { return !bench.has_folder(old); }));
  EXPECT_TRUE(bench.has_folder(young.id));
  EXPECT_TRUE(bench.has_folder("precious"));
}

}  // namespace
}  // namespace zoetrope::engine::jobs

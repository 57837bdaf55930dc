// The JobService with an engine that only pretends: what is accepted, what becomes of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "engine/jobs/fakes.h"
#include "media/image.h"

namespace zoetrope::engine::jobs {
namespace {

using base::Status;
using base::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

TEST(ServiceTest, RunsAJobAndReportsWhatItTook) {
  Bench bench;
  bench.start();
  const Job accepted = bench.submit(bench.wish(7));
  EXPECT_THAT(accepted.id, StartsWith("video_"));
  EXPECT_EQ(accepted.state, JobState::kQueued);
  const Job job = bench.ended(accepted.id);
  ASSERT_EQ(job.state, JobState::kCompleted);
  EXPECT_EQ(bench.engine.picture_of(7), bench.wish(7).what.request.picture);
  ASSERT_TRUE(job.report.has_value());
  const JobReport& report = *job.report;
  EXPECT_EQ(report.width, 32);
  EXPECT_EQ(report.num_frames, 4);
  EXPECT_EQ(report.steps, 2);
  EXPECT_EQ(report.peak_memory_bytes, 1000);
  EXPECT_THAT(report.warnings, ElementsAre("prompt: was cut"));
  std::vector<std::string> stages;
  for (const StageTime& time : report.timings) stages.push_back(time.stage);
  EXPECT_THAT(stages, ElementsAre("denoise", "encode", "total", "queued"));
  ASSERT_EQ(report.files.size(), 1u);
  EXPECT_EQ(report.files[0].name, "0.gif");
  EXPECT_EQ(report.files[0].seed, 7u);
  const auto bytes = bench.service->read("", job.id, 0).value_or_throw();
  EXPECT_EQ(static_cast<int64_t>(bytes.size()), report.files[0].bytes);
  EXPECT_EQ(media::read_image(bytes, "result").value_or_throw().frames, 4);
  EXPECT_EQ(bench.service->read("", job.id, 1).status().code(), StatusCode::kNotFound);
  EXPECT_TRUE(bench.service->has_room());
  EXPECT_TRUE(
      bench.eventually([&] { return bench.metric("zoetrope_jobs_total", "completed") == 1; }));
  EXPECT_EQ(bench.metric("zoetrope_steps_total"), 2);
  EXPECT_EQ(bench.metric("zoetrope_stage_seconds", "encode"), 1);
  EXPECT_TRUE(bench.eventually([&] { return bench.metric("zoetrope_job_seconds") == 1; }));
}

TEST(ServiceTest, SeveralResultsHaveSeedsThatFollow) {
  Bench bench;
  bench.start();
  NewJob wish = bench.wish(5);
  wish.what.count = 3;
  wish.what.request.task = Task::kImageToImage;
  wish.what.format = OutputFormat::kPng;
  const Job job = bench.ended(bench.submit(wish).id);
  ASSERT_EQ(job.state, JobState::kCompleted);
  EXPECT_THAT(job.id, StartsWith("image_"));
  EXPECT_THAT(bench.engine.seeds(), ElementsAre(5, 6, 7));
  ASSERT_EQ(job.report->files.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    const auto bytes = bench.service->read("", job.id, i).value_or_throw();
    const auto picture = media::read_image(bytes, "result").value_or_throw();
    EXPECT_EQ(picture.format, "PNG");
    EXPECT_EQ(picture.image.at(0, 0)[0], 5 + i);
  }
  EXPECT_EQ(bench.metric("zoetrope_steps_total"), 6);
}

TEST(ServiceTest, EveryFormatIsWhatItSays) {
  Bench bench;
  bench.start();
  const auto first_bytes = [&](Task task, OutputFormat format) {
    NewJob wish = bench.wish();
    wish.what.request.task = task;
    wish.what.format = format;
    const Job job = bench.ended(bench.submit(wish).id);
    EXPECT_EQ(job.report.value().files.at(0).media_type, media_type(format));
    const auto bytes = bench.service->read("", job.id, 0).value_or_throw();
    return std::string(bytes.begin(), bytes.begin() + 12);
  };
  EXPECT_EQ(first_bytes(Task::kImageToVideo, OutputFormat::kMp4).substr(4, 4), "ftyp");
  EXPECT_THAT(first_bytes(Task::kImageToVideo, OutputFormat::kAnimatedWebp), HasSubstr("WEBP"));
  EXPECT_THAT(first_bytes(Task::kImageToImage, OutputFormat::kWebp), HasSubstr("WEBP"));
  EXPECT_EQ(first_bytes(Task::kImageToImage, OutputFormat::kJpeg).substr(0, 2), "\xFF\xD8");
}

TEST(ServiceTest, ABusySlotRefusesAtOnceAndHoldsNothingOfWhatItRefused) {
  Bench bench;
  bench.start();
  bench.engine.hold();
  const Job first = bench.submit();
  bench.engine.wait_until_busy();
  EXPECT_FALSE(bench.service->has_room());
  EXPECT_EQ(bench.service->submit(bench.wish(2)).status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(bench.metric("zoetrope_jobs_refused_total", "busy"), 1);
  bench.engine.go();
  bench.ended(first.id);
  ASSERT_TRUE(bench.eventually([&] { return bench.service->has_room(); }));
  EXPECT_EQ(bench.ended(bench.submit(bench.wish(2)).id).state, JobState::kCompleted);
  EXPECT_EQ(bench.service->list({}).value_or_throw().jobs.size(), 2u);
}

TEST(ServiceTest, AQueueLetsJobsWaitInOrder) {
  Bench bench;
  bench.start([](JobServiceOptions& options) { options.queue = 2; });
  bench.engine.hold();
  std::vector<Job> jobs;
  for (uint64_t seed = 1; seed <= 3; ++seed) jobs.push_back(bench.submit(bench.wish(seed)));
  EXPECT_EQ(bench.service->submit(bench.wish(4)).status().code(), StatusCode::kResourceExhausted);
  bench.engine.wait_until_busy();
  EXPECT_EQ(bench.service->health().running, 1);
  EXPECT_EQ(bench.service->health().queued, 2);
  bench.engine.go();
  for (const Job& job : jobs) EXPECT_EQ(bench.ended(job.id).state, JobState::kCompleted);
  EXPECT_THAT(bench.engine.seeds(), ElementsAre(1, 2, 3));
}

TEST(ServiceTest, AnOwnerHasALimitOfItsOwn) {
  Bench bench;
  bench.start([](JobServiceOptions& options) { options.queue = 5; });
  bench.engine.hold();
  NewJob wish = bench.wish();
  wish.owner = "anna";
  wish.owner_limit = 1;
  const Job job = bench.submit(wish);
  const Status refused = bench.service->submit(wish).status();
  EXPECT_EQ(refused.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(refused.message(), StartsWith("owner:"));
  wish.owner = "berta";
  EXPECT_TRUE(bench.service->submit(wish).ok());
  EXPECT_EQ(bench.service->get("berta", job.id).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(bench.service->cancel("berta", job.id).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(bench.service->remove("berta", job.id).code(), StatusCode::kNotFound);
  EXPECT_EQ(bench.service->read("berta", job.id, 0).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(bench.service->watch("berta", job.id, {}, [](const JobEvent&) {}).status().code(),
            StatusCode::kNotFound);
}

TEST(ServiceTest, RefusalsNameTheField) {
  Bench bench;
  bench.start();
  const auto refusal = [&](auto change) {
    NewJob wrong = bench.wish();
    change(wrong);
    return bench.service->submit(wrong).status();
  };
  using N = NewJob;
  EXPECT_THAT(refusal([](N& j) { j.what.count = 11; }).message(), StartsWith("count:"));
  EXPECT_THAT(refusal([](N& j) { j.what.compression = 0; }).message(), StartsWith("compression:"));
  EXPECT_THAT(refusal([](N& j) { j.what.format = OutputFormat::kPng; }).message(),
              StartsWith("format: image/png cannot hold"));
  EXPECT_THAT(refusal([](N& j) { j.what.request.steps = 0; }).message(), StartsWith("steps:"));
  EXPECT_THAT(refusal([](N& j) { j.what.request.picture = {}; }).message(), StartsWith("picture:"));
  EXPECT_THAT(refusal([](N& j) { j.what.request.task = Task::kTextToVideo; }).message(),
              StartsWith("task:"));
  EXPECT_THAT(refusal([](N& j) { j.deadline = std::chrono::milliseconds(0); }).message(),
              StartsWith("deadline:"));
  EXPECT_THAT(refusal([](N& j) { j.what.request.dump_folder = "/"; }).message(),
              StartsWith("request:"));
  EXPECT_THAT(refusal([](N& j) { j.idempotency_key = std::string(300, 'k'); }).message(),
              StartsWith("idempotency_key:"));
  EXPECT_EQ(bench.metric("zoetrope_jobs_refused_total", "invalid"), 9);
  const Status large = refusal([](N& j) { j.what.request.size = 2000; });
  EXPECT_EQ(large.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(large.message(), StartsWith("memory:"));
  EXPECT_EQ(bench.service->list({}).value_or_throw().jobs.size(), 0u);
  EXPECT_TRUE(bench.service->has_room());
}

TEST(ServiceTest, AKeyGivesTheSameJobAgainAlsoWhileBusy) {
  Bench bench;
  bench.start();
  bench.engine.hold();
  NewJob wish = bench.wish();
  wish.idempotency_key = "k1";
  const Job job = bench.submit(wish);
  bench.engine.wait_until_busy();
  EXPECT_EQ(bench.submit(wish).id, job.id);
  EXPECT_EQ(bench.service->find_by_key("", "k1").value_or_throw()->id, job.id);
  NewJob other = bench.wish(2);
  other.idempotency_key = "k1";
  EXPECT_EQ(bench.service->submit(other).status().code(), StatusCode::kAlreadyExists);
  bench.engine.go();
  bench.ended(job.id);
  EXPECT_EQ(bench.submit(wish).state, JobState::kCompleted);
  EXPECT_EQ(bench.engine.generated(), 1);
}

TEST(ServiceTest, TheSameKeyAtTheSameTimeMakesOneJob) {
  Bench bench;
  bench.start([](JobServiceOptions& options) { options.queue = 20; });
  NewJob wish = bench.wish();
  wish.idempotency_key = "k";
  std::vector<std::string> ids(8);
  std::vector<std::thread> clients;
  for (std::string& id : ids) {
    clients.emplace_back([&bench, &wish, &id] { id = bench.submit(wish).id; });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_THAT(ids, testing::Each(ids.front()));
  bench.ended(ids.front());
  EXPECT_EQ(bench.engine.generated(), 1);
  EXPECT_TRUE(bench.eventually([&] { return bench.service->health().queued == 0; }));
}

TEST(ServiceTest, CancelsWhileQueuedAndWhileRunning) {
  Bench bench;
  bench.start([](JobServiceOptions& options) { options.queue = 1; });
  bench.engine.hold();
  const Job running = bench.submit(bench.wish(1)), queued = bench.submit(bench.wish(2));
  bench.engine.wait_until_busy();
  EXPECT_EQ(bench.service->cancel("", queued.id).value_or_throw().state, JobState::kCancelled);
  EXPECT_FALSE(bench.has_folder(queued.id));
  EXPECT_TRUE(bench.service->has_room());
  ASSERT_TRUE(bench.service->cancel("", running.id).ok());
  EXPECT_EQ(bench.ended(running.id).state, JobState::kCancelled);
  EXPECT_TRUE(bench.eventually([&] { return !bench.has_folder(running.id); }));
  EXPECT_EQ(bench.engine.generated(), 0);
  EXPECT_EQ(bench.service->read("", running.id, 0).status().code(),
            StatusCode::kFailedPrecondition);
  EXPECT_TRUE(
      bench.eventually([&] { return bench.metric("zoetrope_jobs_total", "cancelled") == 2; }));
  bench.engine.go();
  EXPECT_EQ(bench.ended(bench.submit(bench.wish(3)).id).state, JobState::kCompleted);
}

TEST(ServiceTest, ACancelAtTheVeryEndEndsTheJobOneWayOrTheOther) {
  Bench bench;
  bench.start();
  for (int round = 0; round < 20; ++round) {
    bench.engine.hold();
    const Job job = bench.submit(bench.wish());
    bench.engine.wait_until_busy();
    bench.engine.go();
    for (int spin = 0; spin < 50 * round; ++spin) std::this_thread::yield();
    ASSERT_TRUE(bench.service->cancel("", job.id).ok());
    const JobState state = bench.ended(job.id).state;
    EXPECT_TRUE(state == JobState::kCancelled || state == JobState::kCompleted);
    ASSERT_TRUE(bench.eventually([&] { return bench.service->has_room(); }));
    EXPECT_EQ(bench.service->cancel("", job.id).value_or_throw().state, state);
  }
}

TEST(ServiceTest, ADeadlineEndsAJobThatRunsAndOneThatWaits) {
  Bench bench;
  bench.start([](JobServiceOptions& options) { options.queue = 1; });
  bench.engine.hold();
  NewJob wish = bench.wish();
  wish.deadline = std::chrono::milliseconds(300);
  const Job running = bench.submit(wish), waiting = bench.submit(wish);
  for (const Job& job : {bench.ended(running.id), bench.ended(waiting.id)}) {
    EXPECT_EQ(job.state, JobState::kFailed);
    EXPECT_EQ(job.error.value().code, StatusCode::kDeadlineExceeded);
  }
  EXPECT_EQ(bench.engine.generated(), 0);
}

TEST(ServiceTest, AFailureIsTheJobsAndTellsNothingOfTheInside) {
  Bench bench;
  Status next = base::resource_exhausted("memory: out of it");
  bench.engine.fails = [&] { return next; };
  bench.start();
  const Job told = bench.ended(bench.submit().id);
  EXPECT_EQ(told.state, JobState::kFailed);
  EXPECT_EQ(told.error.value().message, "memory: out of it");
  ASSERT_TRUE(bench.eventually([&] { return bench.service->has_room(); }));
  next = base::internal_error("/secret/place: tensor sizes");
  const Job hidden = bench.ended(bench.submit().id);
  EXPECT_EQ(hidden.error.value().code, StatusCode::kInternal);
  EXPECT_THAT(hidden.error.value().message, testing::Not(HasSubstr("secret")));
  EXPECT_TRUE(bench.eventually([&] { return bench.metric("zoetrope_jobs_total", "failed") == 2; }));
  EXPECT_TRUE(bench.service->health().ready);
}

TEST(ServiceTest, RemovesAFinalJobAndOneThatRuns) {
  Bench bench;
  bench.start();
  const Job done = bench.ended(bench.submit().id);
  EXPECT_TRUE(bench.service->remove("", done.id).ok());
  EXPECT_EQ(bench.service->get("", done.id).status().code(), StatusCode::kNotFound);
  EXPECT_FALSE(bench.has_folder(done.id));
  ASSERT_TRUE(bench.eventually([&] { return bench.service->has_room(); }));
  bench.engine.hold();
  const Job running = bench.submit();
  bench.engine.wait_until_busy();
  EXPECT_TRUE(bench.service->remove("", running.id).ok());
  EXPECT_EQ(bench.service->get("", running.id).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(bench.service->remove("", running.id).code(), StatusCode::kNotFound);
  EXPECT_TRUE(bench.eventually([&] { return !bench.has_folder(running.id); }));
}

TEST(ServiceTest, ResultsExpireAndTheirFilesGo) {
  Bench bench;
  bench.start([](JobServiceOptions& o) { o.keep_results = std::chrono::seconds(1); });
  const Job job = bench.ended(bench.submit().id);
  ASSERT_EQ(job.state, JobState::kCompleted);
  EXPECT_TRUE(bench.eventually([&] { return !bench.has_folder(job.id); }));
  EXPECT_EQ(bench.service->get("", job.id).value_or_throw().state, JobState::kExpired);
  const Status gone = bench.service->read("", job.id, 0).status();
  EXPECT_EQ(gone.code(), StatusCode::kNotFound);
  EXPECT_THAT(gone.message(), HasSubstr("expired"));
}

TEST(ServiceTest, AStallMakesTheServiceUnhealthyUntilItMovesAgain) {
  Bench bench;
  bench.engine.deaf = true;
  bench.start([](JobServiceOptions& options) { options.stall = std::chrono::seconds(1); });
  EXPECT_TRUE(bench.service->health().live);
  bench.engine.hold();
  const Job job = bench.submit();
  ASSERT_TRUE(bench.eventually([&] { return !bench.service->health().live; }));
  EXPECT_FALSE(bench.service->health().ready);
  EXPECT_THAT(bench.service->health().reason, StartsWith("engine: no progress"));
  bench.engine.go();
  EXPECT_EQ(bench.ended(job.id).state, JobState::kCompleted);
  EXPECT_TRUE(bench.eventually([&] { return bench.service->health().live; }));
}

TEST(ServiceTest, ADrainWaitsForWhatRuns) {
  Bench bench;
  bench.start([](JobServiceOptions& options) { options.queue = 1; });
  bench.engine.hold();
  const Job running = bench.submit(bench.wish(1)), queued = bench.submit(bench.wish(2));
  bench.engine.wait_until_busy();
  std::thread drain([&] { bench.service->drain(std::chrono::seconds(30)); });
  ASSERT_TRUE(bench.eventually([&] { return !bench.service->health().ready; }));
  EXPECT_EQ(bench.service->health().reason, "draining");
  EXPECT_TRUE(bench.service->health().live);
  EXPECT_EQ(bench.service->submit(bench.wish(3)).status().code(), StatusCode::kUnavailable);
  bench.engine.go();
  drain.join();
  EXPECT_EQ(bench.service->get("", running.id).value_or_throw().state, JobState::kCompleted);
  EXPECT_EQ(bench.service->get("", queued.id).value_or_throw().state, JobState::kQueued);
}

TEST(ServiceTest, ADrainOutOfPatienceLetsGoButFailsWhatIsAttended) {
  for (const bool attended : {false, true}) {
    Bench bench;
    bench.start();
    bench.engine.hold();
    NewJob wish = bench.wish();
    wish.attended = attended;
    const Job running = bench.submit(wish);
    bench.engine.wait_until_busy();
    bench.service->drain(std::chrono::seconds(0));
    const Job job = bench.service->get("", running.id).value_or_throw();
    EXPECT_EQ(job.state, attended ? JobState::kFailed : JobState::kQueued);
    if (!attended) continue;
    EXPECT_EQ(job.error.value().code, StatusCode::kUnavailable);
  }
}

TEST(ServiceTest, OptionsThatAreWrong) {
  Bench bench;
  const auto code = [&](auto change) {
    JobServiceOptions options;
    options.folder = bench.folder.path();
    change(options);
    return JobService::start(bench.engine, bench.store, bench.registry, options).status().code();
  };
  using O = JobServiceOptions;
  EXPECT_EQ(code([](O& o) { o.queue = -1; }), StatusCode::kInvalidArgument);
  EXPECT_EQ(code([](O& o) { o.folder = ""; }), StatusCode::kInvalidArgument);
  EXPECT_EQ(code([](O& o) { o.lease = std::chrono::seconds(0); }), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace zoetrope::engine::jobs

// Watching jobs: what is told, to whom, and how watching ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <optional>

#include "engine/jobs/fakes.h"
#include "media/image.h"

namespace zoetrope::engine::jobs {
namespace {

// Keeps what it is told.
class Ear {
 public:
  std::function<void(const JobEvent&)> callback() {
    return [this](const JobEvent& event) {
      const std::lock_guard lock(mutex_);
      events_.push_back(event);
    };
  }
  std::vector<JobEvent> events() const {
    const std::lock_guard lock(mutex_);
    return events_;
  }
  bool ended() const {
    const std::lock_guard lock(mutex_);
    return !events_.empty() && is_final(events_.back().job.state);
  }
  size_t previews() const {
    size_t count = 0;
    for (const JobEvent& event : events()) count += event.preview.empty() ? 0 : 1;
    return count;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<JobEvent> events_;
};

TEST(WatchTest, TellsStateThenStepsThenTheEnd) {
  Bench bench;
  bench.start([](JobServiceOptions& options) { options.queue = 1; });
  bench.engine.hold();
  bench.submit(bench.wish(1));
  bench.engine.wait_until_busy();
  const Job job = bench.submit(bench.wish(2));
  Ear ear;
  const auto watch = bench.service->watch("", job.id, {}, ear.callback()).value_or_throw();
  bench.engine.go();
  ASSERT_TRUE(bench.eventually([&] { return ear.ended(); }));
  const std::vector<JobEvent> events = ear.events();
  EXPECT_EQ(events.front().job.state, JobState::kQueued);
  EXPECT_EQ(events.at(1).job.state, JobState::kInProgress);
  EXPECT_EQ(events.back().job.state, JobState::kCompleted);
  EXPECT_TRUE(events.back().job.report.has_value());
  std::vector<int64_t> steps;
  for (const JobEvent& event : events) {
    if (event.stage == "denoise") steps.push_back(event.step);
    EXPECT_TRUE(event.preview.empty()) << "nobody asked for one";
  }
  EXPECT_EQ(steps, (std::vector<int64_t>{0, 1, 2}));
}

TEST(WatchTest, TwoWatchersHearTheSameAndOneMaySeePreviews) {
  Bench bench;
  bench.start([](JobServiceOptions& options) { options.queue = 1; });
  bench.engine.hold();
  bench.submit(bench.wish(1));
  const Job job = bench.submit(bench.wish(2));
  Ear plain, seeing;
  const auto one = bench.service->watch("", job.id, {}, plain.callback()).value_or_throw();
  const auto two =
      bench.service->watch("", job.id, {.previews = true}, seeing.callback()).value_or_throw();
  bench.engine.go();
  ASSERT_TRUE(bench.eventually([&] { return plain.ended() && seeing.ended(); }));
  EXPECT_EQ(plain.previews(), 0u);
  EXPECT_EQ(seeing.previews(), 3u);
  EXPECT_EQ(plain.events().size() + 3, seeing.events().size());
  for (const JobEvent& event : seeing.events()) {
    if (event.preview.empty()) continue;
    EXPECT_EQ(media::read_image(event.preview, "preview").value_or_throw().format, "JPEG");
    EXPECT_EQ(event.stage, "denoise");
  }
}

TEST(WatchTest, WhoComesLateHearsWhereItStandsOrHowItEnded) {
  Bench bench;
  bench.start();
  bench.engine.hold();
  const Job job = bench.submit();
  bench.engine.wait_until_busy();
  Ear late;
  const auto watch = bench.service->watch("", job.id, {}, late.callback()).value_or_throw();
  ASSERT_TRUE(bench.eventually([&] { return !late.events().empty(); }));
  EXPECT_EQ(late.events().front().job.state, JobState::kInProgress);
  EXPECT_EQ(late.events().front().stage, "denoise");
  EXPECT_EQ(late.events().front().of, 2);
  bench.engine.go();
  bench.ended(job.id);
  Ear later;
  const auto second = bench.service->watch("", job.id, {}, later.callback()).value_or_throw();
  ASSERT_TRUE(bench.eventually([&] { return later.ended(); }));
  EXPECT_EQ(later.events().size(), 1u);
}

TEST(WatchTest, EveryWatcherHearsTheEndHoweverItComes) {
  Bench bench;
  bench.start();
  for (int round = 0; round < 30; ++round) {
    const Job job = bench.submit();
    Ear ear;  // the job may end before, while or after this begins to watch
    const auto watch = bench.service->watch("", job.id, {}, ear.callback()).value_or_throw();
    ASSERT_TRUE(bench.eventually([&] { return ear.ended(); }));
    for (size_t i = 0; i + 1 < ear.events().size(); ++i) {
      EXPECT_FALSE(is_final(ear.events()[i].job.state)) << "nothing comes after the end";
    }
    ASSERT_TRUE(bench.eventually([&] { return bench.service->has_room(); }));
  }
}

TEST(WatchTest, MayEndInItsOwnCallback) {
  Bench bench;
  bench.start();
  bench.engine.hold();
  const Job job = bench.submit();
  bench.engine.wait_until_busy();
  std::mutex mutex;
  std::unique_ptr<JobWatch> watch;
  int calls = 0;
  const auto callback = [&](const JobEvent&) {
    const std::lock_guard lock(mutex);  // until the watch stands in its place
    ++calls;
    watch.reset();
  };
  {
    const std::lock_guard lock(mutex);
    watch = bench.service->watch("", job.id, {}, callback).value_or_throw();
  }
  bench.engine.go();
  bench.ended(job.id);
  Ear after;  // told after whatever the first would have been told
  const auto second = bench.service->watch("", job.id, {}, after.callback()).value_or_throw();
  ASSERT_TRUE(bench.eventually([&] { return after.ended(); }));
  const std::lock_guard lock(mutex);
  EXPECT_EQ(calls, 1);
}

TEST(WatchTest, GoneMeansSilentAndWaitsForACallbackThatRuns) {
  Bench bench;
  bench.start();
  bench.engine.hold();
  const Job job = bench.submit();
  bench.engine.wait_until_busy();
  for (int round = 0; round < 50; ++round) {
    auto alive = std::make_unique<int>(0);
    auto watch =
        bench.service->watch("", job.id, {.previews = true}, [&](const JobEvent&) { ++*alive; })
            .value_or_throw();
    watch.reset();
    alive.reset();  // a callback after this would be seen by a sanitizer
  }
  bench.engine.go();
  bench.ended(job.id);
}

TEST(WatchTest, MayOutliveTheService) {
  Bench bench;
  bench.start();
  bench.engine.hold();
  const Job job = bench.submit();
  bench.engine.wait_until_busy();
  Ear ear;
  const auto watch = bench.service->watch("", job.id, {}, ear.callback()).value_or_throw();
  bench.stop();
  EXPECT_FALSE(ear.events().empty()) << "told before the service went";
  EXPECT_EQ(ear.events().back().job.state, JobState::kQueued) << "let go";
}

TEST(WatchTest, CallbacksMayCallTheService) {
  Bench bench;
  bench.start();
  bench.engine.hold();
  const Job job = bench.submit();
  bench.engine.wait_until_busy();
  Ear ear;
  const auto watch = bench.service->watch("", job.id, {}, [&](const JobEvent& event) {
    if (!is_final(event.job.state)) (void)bench.service->cancel("", event.job.id);
    ear.callback()(event);
  });
  ASSERT_TRUE(bench.eventually([&] { return ear.ended(); }));
  EXPECT_EQ(ear.events().back().job.state, JobState::kCancelled);
}

}  // namespace
}  // namespace zoetrope::engine::jobs

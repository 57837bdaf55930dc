// The JobService over the store in a file, killed at random moments while jobs run: the quick form
// of crash_test.py, with an engine that only pretends and no HTTP.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "base/log.h"
#include "engine/api/job_service.h"
#include "media/read_video.h"
#include "store/open_store.h"
#include "support/temporary_folder.h"

namespace zoetrope {
namespace {

namespace fs = std::filesystem;
using engine::Job;
using engine::JobState;

constexpr int kFrames = 3;

// Ten steps of half a millisecond.
class PretendedEngine final : public engine::Engine {
 public:
  PretendedEngine() {
    defaults_.pipeline = "Pretended";
    defaults_.tasks = {engine::Task::kImageToVideo};
    defaults_.width = defaults_.height = 32;
    defaults_.num_frames = defaults_.max_frames = kFrames;
    defaults_.steps = 10;
  }
  const engine::ModelDefaults& defaults() const override { return defaults_; }
  std::string device() const override { return "pretended"; }
  std::string dtype() const override { return "fp32"; }
  engine::MemoryPlan plan(const engine::ResolvedRequest& /*request*/) const override { return {}; }
  base::Result<engine::ClipResult> generate(const engine::Request& request,
                                            const engine::Watch& watch) override {
    for (int step = 0; step <= defaults_.steps; ++step) {
      if (watch.cancel.cancelled()) return base::Status(base::StatusCode::kCancelled, "cancelled");
      base::report(watch.progress, "denoise", step, defaults_.steps);
      std::this_thread::sleep_for(std::chrono::microseconds(500));
    }
    engine::ClipResult result;
    result.frames.assign(kFrames, media::Image(32, 32));
    result.fps = defaults_.fps;
    result.seed = request.seed;
    return result;
  }

 private:
  engine::ModelDefaults defaults_;
};

struct Accepted {
  int64_t number = 0;
  std::array<char, 64> id = {};
};

std::string key_of(int64_t number) { return fmt::format("key {}", number); }

// What the child process runs: a server that is sent jobs from number `first` on.
class Server {
 public:
  explicit Server(const fs::path& folder)
      : store_(store::open_store((folder / "jobs.sqlite").string()).value_or_throw()),
        service_(engine::JobService::start(engine_, *store_, registry_, options(folder))
                     .value_or_throw()) {}

  base::Result<Job> submit(int64_t number) {
    engine::NewJob job;
    job.what.request.picture = media::Image(8, 8);
    job.what.request.prompt = "a rocket";
    job.what.request.seed = static_cast<uint64_t>(number);
    job.what.format = engine::OutputFormat::kGif;
    job.what.model = "pretended";
    job.idempotency_key = key_of(number);
    return service_->submit(std::move(job));
  }

  [[noreturn]] void take_jobs_until_killed(int64_t first, int acknowledge) {
    for (int64_t number = first;; ++number) {
      auto job = submit(number);
      for (; !job.ok(); job = submit(number)) {
        if (job.status().code() != base::StatusCode::kResourceExhausted) _exit(1);
        std::this_thread::sleep_for(std::chrono::microseconds(300));
      }
      Accepted accepted = {.number = number};
      job->id.copy(accepted.id.data(), accepted.id.size() - 1);
      if (write(acknowledge, &accepted, sizeof accepted) != sizeof accepted) _exit(1);
    }
  }

  bool finish_all() {
    for (int i = 0; i < 60000; ++i) {
      const auto open = store_->count_open();
      if (open.ok() && *open == 0) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
  }

 private:
  static engine::JobServiceOptions options(const fs::path& folder) {
    engine::JobServiceOptions options;
    options.folder = folder / "jobs";
    options.queue = 3;
    return options;
  }

  PretendedEngine engine_;
  prometheus::Registry registry_;
  std::unique_ptr<engine::JobStore> store_;
  std::unique_ptr<engine::JobService> service_;  // before what it uses
};

class JobCrashSlow : public ::testing::Test {
 protected:
  std::unique_ptr<engine::JobStore> open() const {
    return store::open_store((folder_.path() / "jobs.sqlite").string()).value_or_throw();
  }

  // One life of the server, with what it acknowledged before the kill.
  void run_and_kill() {
    std::array<int, 2> ends = {};
    ASSERT_EQ(pipe(ends.data()), 0);
    const pid_t child = fork();
    if (child == 0) {
      close(ends[0]);
      Server(folder_.path()).take_jobs_until_killed(next_, ends[1]);
    }
    close(ends[1]);
    read_some(ends[0], 1);  // sooner nothing could be running
    std::this_thread::sleep_for(std::chrono::microseconds(random_() % 30000));
    kill(child, SIGKILL);
    int how = 0;
    waitpid(child, &how, 0);
    EXPECT_TRUE(WIFSIGNALED(how)) << "the server gave up by itself: " << how;
    read_some(ends[0], SIZE_MAX);
    close(ends[0]);
  }

  void read_some(int pipe_end, size_t most) {
    Accepted accepted;
    for (size_t i = 0; i < most; ++i) {
      if (read(pipe_end, &accepted, sizeof accepted) != sizeof accepted) return;
      accepted_[accepted.number] = accepted.id.data();
      next_ = std::max(next_, accepted.number + 1);
    }
  }

  // Whether a job was in the middle when the server died.
  bool look_into_store() {
    const auto store = open();
    bool running = false;
    for (const auto& [number, id] : accepted_) {
      const auto job = store->find("", id);
      EXPECT_TRUE(job.ok()) << "accepted and lost: " << job.status().message();
      if (!job.ok()) continue;
      EXPECT_EQ(job->idempotency_key, key_of(number));
      running = running || job->state == JobState::kInProgress;
      const bool was_completed = finished_ms_.count(id) > 0;
      EXPECT_TRUE(!was_completed || job->state == JobState::kCompleted) << id;
      if (job->state != JobState::kCompleted) continue;
      const auto [known, first_time] = finished_ms_.emplace(id, job->finished_ms);
      EXPECT_EQ(known->second, job->finished_ms) << id << " was completed twice";
    }
    return running;
  }

  void check_results() const {
    const auto store = open();
    size_t completed = 0;
    for (const auto& [number, id] : accepted_) {
      const Job job = store->find("", id).value_or_throw();
      if (job.state == JobState::kFailed) {
        EXPECT_THAT(job.error.value().message, ::testing::HasSubstr("the server ended"));
        continue;
      }
      ASSERT_EQ(job.state, JobState::kCompleted) << id;
      ++completed;
      const fs::path file = folder_.path() / "jobs" / id / job.report.value().files.at(0).name;
      const auto clip = media::read_clip(file);
      ASSERT_TRUE(clip.ok()) << clip.status().message();
      EXPECT_EQ(clip->frames.size(), kFrames);
    }
    EXPECT_GT(completed, accepted_.size() * 8 / 10) << "of " << accepted_.size();
  }

  // What a client does whose answer was lost; in a process of its own, as forks need one without
  // threads here.
  bool finish_and_ask_again() const {
    const pid_t child = fork();
    if (child == 0) {
      Server server(folder_.path());
      bool good = server.finish_all();
      for (const auto& [number, id] : accepted_) {
        const auto job = server.submit(number);
        good = good && job.ok() && job->id == id;
      }
      _exit(good ? 0 : 1);
    }
    int how = 0;
    waitpid(child, &how, 0);
    return WIFEXITED(how) && WEXITSTATUS(how) == 0;
  }

  test_support::TemporaryFolder folder_;
  std::mt19937 random_{20261123};
  int64_t next_ = 0;                            // number of the first job without an answer
  std::map<int64_t, std::string> accepted_;     // ids
  std::map<std::string, int64_t> finished_ms_;  // of the completed
};

TEST_F(JobCrashSlow, NothingIsLostInTwoHundredKills) {
  base::set_log(base::LogFormat::kLogfmt, base::LogLevel::kError);
  int killed_busy = 0, lives = 0;
  for (; killed_busy < 200 && !HasFailure(); ++lives) {
    ASSERT_LT(lives, 2000) << "jobs hardly ever run";
    run_and_kill();
    if (look_into_store()) ++killed_busy;
  }
  EXPECT_TRUE(finish_and_ask_again());
  look_into_store();
  check_results();
  std::printf("%d kills with a job running, of %d; %zu jobs, %zu completed\n", killed_busy, lives,
              accepted_.size(), finished_ms_.size());
}

}  // namespace
}  // namespace zoetrope

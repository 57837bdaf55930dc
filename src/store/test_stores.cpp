#include "store/test_stores.h"

#include <fmt/format.h>

#include <utility>

#include "store/open_store.h"
#include "store/postgres_server.h"
#include "support/temporary_folder.h"

namespace zoetrope::store::testing {
namespace {

using engine::Job;
using engine::JobState;

class Memory final : public TestStore {
 public:
  std::unique_ptr<engine::JobStore> open() override {
    return open_store("memory").value_or_throw();
  }
};

class Sqlite final : public TestStore {
 public:
  std::unique_ptr<engine::JobStore> open() override {
    return open_store((folder_.path() / "jobs.sqlite").string()).value_or_throw();
  }

 private:
  test_support::TemporaryFolder folder_;
};

class Postgres final : public TestStore {
 public:
  std::unique_ptr<engine::JobStore> open() override { return open_store(url_).value_or_throw(); }

 private:
  std::string url_ = shared_postgres().make_schema();
};

std::unique_ptr<TestStore> make_postgres() {
  if (!PostgresServer::is_installed()) return nullptr;
  return std::make_unique<Postgres>();
}

}  // namespace

std::vector<StoreKind> all_kinds() {
  return {{"memory", [] { return std::make_unique<Memory>(); }},
          {"sqlite", [] { return std::make_unique<Sqlite>(); }},
          {"postgresql", make_postgres}};
}

void OnEveryStore::SetUp() {
  holder_ = GetParam().make();
  if (!holder_) GTEST_SKIP() << GetParam().name << " is not installed on this machine";
  store_ = holder_->open();
}

std::string kind_name(const ::testing::TestParamInfo<StoreKind>& info) { return info.param.name; }

Job make_job(const std::string& id, int64_t created_ms) {
  Job job;
  job.id = id;
  job.owner = "ann";
  job.fingerprint = fmt::format("f-{}", id);
  engine::Request& request = job.what.request;
  request.task = engine::Task::kTextToVideo;
  request.prompt = "a \"rocket\"\n\xF0\x9F\x9A\x80 'quoted'; DROP TABLE jobs; $1 ?";
  request.negative_prompt = "";
  request.seed = ~uint64_t{0};
  request.quality = engine::Quality::kBest;
  request.num_frames = 9;
  request.steps = 31;
  request.image_guidance = 1.1;
  request.motion = 0.30000000000000004;
  request.tier = engine::Tier::kBalanced;
  job.what.format = engine::OutputFormat::kAnimatedWebp;
  job.what.compression = 77;
  job.what.count = 3;
  job.what.model = "zoetrope-animate";
  job.created_ms = created_ms;
  job.deadline_ms = created_ms + 600000;
  job.server = std::string(1, 'a');  // for the capacity; the job itself has none yet
  return job;
}

engine::JobReport make_report() {
  return {.files = {{.name = "0.mp4", .media_type = "video/mp4", .bytes = 12345, .seed = 7}},
          .width = 128,
          .height = 64,
          .num_frames = 16,
          .fps = 12,
          .steps = 8,
          .tier = engine::Tier::kBalanced,
          .timings = {{.stage = "denoise", .seconds = 0.25}},
          .peak_memory_bytes = int64_t{1} << 40,
          .warnings = {"the prompt was cut"}};
}

Job ended(Job job, JobState state, int64_t finished_ms, int64_t expires_ms) {
  job.state = state;
  job.finished_ms = finished_ms;
  job.expires_ms = expires_ms;
  if (state == JobState::kCompleted) job.report = make_report();
  if (state == JobState::kFailed) {
    job.error = {.code = base::StatusCode::kDeadlineExceeded, .message = "out of time"};
  }
  return job;
}

std::string describe(const Job& job) {
  return fmt::format(
      "id {} owner {} key {} fingerprint {} state {} attended {} cancel {} created {} started {} "
      "finished {} deadline {} expires {} attempt {} server {} lease {}\n{}\n{}\n{}",
      job.id, job.owner, job.idempotency_key, job.fingerprint, engine::to_string(job.state),
      job.attended, job.cancel_requested, job.created_ms, job.started_ms, job.finished_ms,
      job.deadline_ms, job.expires_ms, job.attempt, job.server, job.lease_until_ms,
      engine::request_json(job.what), job.report ? engine::report_json(*job.report) : "no report",
      job.error ? fmt::format("{} {}", static_cast<int>(job.error->code), job.error->message)
                : "no error");
}

}  // namespace zoetrope::store::testing

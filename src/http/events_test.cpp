// Server-sent events.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/test_client.h"

namespace zoetrope::http::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

struct Followed {
  explicit Followed(Bench& bench, const std::string& query = {}) {
    id = bench.ask("POST", "/v1/videos", clip_request().dump(), json_type()).json()["id"];
    stream = std::make_unique<Client>(bench.server->port());
    stream->send(
        request_text("GET", "/v1/jobs/" + id + "/events" + query, {}, {{"last-event-id", "17"}}));
  }
  std::string id;
  std::unique_ptr<Client> stream;
};

TEST(Events, TellAJobFromBeginningToEnd) {
  Bench bench;
  bench.start();
  Followed job(bench);
  const std::string head = job.stream->read_until("event: started");
  EXPECT_THAT(head, HasSubstr("content-type: text/event-stream"));
  bench.jobs.progress(job.id, 3, 8);
  EXPECT_THAT(job.stream->read_until("\n\n"), HasSubstr("\"status\":\"in_progress\""));
  bench.jobs.progress(job.id, 4, 8);
  const std::string progress = job.stream->read_until("\"step\":4");
  EXPECT_THAT(progress, HasSubstr("event: progress"));
  bench.jobs.progress(job.id, 5, 8, {0xFF, 0xD8});
  const std::string preview = job.stream->read_until("\"image\":\"/9g=\"");
  EXPECT_THAT(preview, HasSubstr("event: preview"));
  bench.jobs.complete(job.id);
  const std::string end = job.stream->read_until("0\r\n\r\n");
  EXPECT_THAT(end, HasSubstr("event: done"));
  EXPECT_THAT(end, HasSubstr("\"progress\":100"));
  EXPECT_TRUE(eventually([&] { return bench.jobs.watching() == 0; }));
  EXPECT_EQ(job.stream->ask("GET", "/health/live").status, 200);  // the connection goes on
}

TEST(Events, OfFinishedJobsEndAtOnce) {
  Bench bench;
  bench.start();
  const std::string id =
      bench.ask("POST", "/v1/videos", clip_request().dump(), json_type()).json()["id"];
  bench.jobs.fail(id, base::StatusCode::kDeadlineExceeded, "took too long");
  const Answer events = bench.ask("GET", "/v1/jobs/" + id + "/events");
  EXPECT_THAT(events.body, HasSubstr("event: failed"));
  EXPECT_THAT(events.body, HasSubstr("took too long"));
}

TEST(Events, ComeWithoutPreviewsWhereNobodyWantsThem) {
  Bench bench;
  bench.start();
  Followed job(bench, "?previews=false");
  job.stream->read_until("started");
  bench.jobs.progress(job.id, 1, 8, {1, 2, 3});
  bench.jobs.complete(job.id);
  EXPECT_THAT(job.stream->read_until("0\r\n\r\n"), Not(HasSubstr("preview")));
  EXPECT_EQ(bench.ask("GET", "/v1/jobs/" + job.id + "/events?previews=maybe").error(),
            "invalid_value previews");
}

TEST(Events, HaveAHeartbeat) {
  Bench bench;
  bench.start([](ServerOptions& options) { options.limits.heartbeat = 50ms; });
  Followed job(bench);
  job.stream->read_until(": still here\n\n");
}

TEST(Events, SlowReadersMissProgressButNotTheEnd) {
  Bench bench;
  bench.start();
  Followed job(bench);
  job.stream->read_until("started");
  // Far more than the socket holds: nobody reads meanwhile.
  const std::vector<uint8_t> preview(200'000, 7);
  for (int step = 0; step < 400; ++step) bench.jobs.progress(job.id, step, 400, preview);
  bench.jobs.complete(job.id);
  const std::string rest = job.stream->read_until("0\r\n\r\n");
  EXPECT_THAT(rest, HasSubstr("event: done"));
  EXPECT_LT(rest.size(), 400u * 200'000 / 4) << "everything was kept for a slow reader";
}

TEST(Events, LeavingStopsTheWatching) {
  Bench bench;
  bench.start();
  Followed job(bench);
  job.stream->read_until("started");
  EXPECT_EQ(bench.metric("zoetrope_http_event_streams"), 1);
  job.stream->leave();
  EXPECT_TRUE(eventually([&] { return bench.jobs.watching() == 0; }));
  EXPECT_TRUE(eventually([&] { return bench.metric("zoetrope_http_event_streams") == 0; }));
  EXPECT_EQ(bench.jobs.jobs().at(0).state, engine::JobState::kInProgress);  // it is nobody's
}

TEST(Events, EndWhenTheServerStops) {
  Bench bench;
  bench.start();
  Followed job(bench);
  job.stream->read_until("started");
  bench.server->stop(20s);
  EXPECT_THAT(job.stream->read_until("0\r\n\r\n"), Not(HasSubstr("event: done")));
}

TEST(Events, ProgressIsShownByTheJobToo) {
  Bench bench;
  bench.start();
  Followed job(bench);
  EXPECT_EQ(bench.ask("GET", "/v1/videos/" + job.id).json()["progress"], 0);
}

}  // namespace
}  // namespace zoetrope::http::testing

// Clips through the API, as a well-behaved client uses it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "http/test_client.h"

namespace zoetrope::http::testing {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

std::string make_clip(const Bench& bench, const json& request = clip_request()) {
  const Answer made = bench.ask("POST", "/v1/videos", request.dump(), json_type());
  EXPECT_EQ(made.status, 200) << made.body;
  return made.json().value("id", "");
}

TEST(Videos, AreMadeWatchedAndFetched) {
  Bench bench;
  bench.start();
  const Answer made = bench.ask("POST", "/v1/videos", clip_request().dump(), json_type());
  ASSERT_EQ(made.status, 200) << made.body;
  const json job = made.json();
  EXPECT_EQ(job["object"], "video");
  EXPECT_EQ(job["status"], "in_progress");
  EXPECT_EQ(job["model"], "animate");
  EXPECT_TRUE(job["error"].is_null());
  const std::string path = "/v1/videos/" + job["id"].get<std::string>();
  EXPECT_EQ(bench.ask("GET", path).json()["status"], "in_progress");
  EXPECT_EQ(bench.ask("GET", path + "/content").status, 409);

  bench.jobs.complete(job["id"]);
  const json done = bench.ask("GET", path).json();
  EXPECT_EQ(done["status"], "completed");
  EXPECT_EQ(done["progress"], 100);
  EXPECT_EQ(done["size"], "128x128");
  EXPECT_EQ(done["num_inference_steps"], 8);
  EXPECT_EQ(done["tier"], "lossless");
  EXPECT_EQ(done["seconds"], "1.333");
  EXPECT_EQ(done["stage_durations"]["denoise"], 1.25);
  EXPECT_EQ(done["inference_time_s"], 1.5);
  EXPECT_EQ(done["peak_memory_mb"], 512);
  EXPECT_EQ(done["seed"], job["seed"]);
  const Answer content = bench.ask("GET", path + "/content");
  EXPECT_EQ(content.status, 200);
  EXPECT_EQ(content.body, bench.jobs.content);
  EXPECT_EQ(content.header("content-type"), "video/mp4");
}

TEST(Videos, FieldsReachTheEngine) {
  Bench bench;
  bench.start();
  json request = clip_request();
  request.update({{"model", "animate"},
                  {"seconds", "1"},
                  {"fps", 10},
                  {"size", "256x256"},
                  {"seed", 7},
                  {"num_inference_steps", 12},
                  {"guidance_scale", 4.5},
                  {"image_guidance_scale", 1.25},
                  {"negative_prompt", "blur"},
                  {"motion", 0.25},
                  {"quality", "best"},
                  {"tier", "lossless"},
                  {"output_format", "gif"},
                  {"output_compression", 50},
                  {"user", "u1"},
                  {"timeout", 30},
                  {"flow_shift", nullptr}});
  make_clip(bench, request);
  const engine::Job job = bench.jobs.jobs().at(0);
  const engine::Request& asked = job.what.request;
  EXPECT_EQ(asked.prompt, "a red square");
  EXPECT_EQ(asked.num_frames, 10);
  EXPECT_EQ(asked.fps, 10);
  EXPECT_EQ(asked.size, 256);
  EXPECT_EQ(asked.seed, 7u);
  EXPECT_EQ(asked.steps, 12);
  EXPECT_EQ(asked.text_guidance, 4.5);
  EXPECT_EQ(asked.image_guidance, 1.25);
  EXPECT_EQ(asked.negative_prompt, "blur");
  EXPECT_EQ(asked.motion, 0.25);
  EXPECT_EQ(asked.quality, engine::Quality::kBest);
  EXPECT_EQ(asked.task, engine::Task::kImageToVideo);
  EXPECT_EQ(asked.picture.width, 24);
  EXPECT_EQ(job.what.format, engine::OutputFormat::kGif);
  EXPECT_EQ(job.what.compression, 50);
  EXPECT_EQ(job.deadline_ms - job.created_ms, 30'000);
  EXPECT_FALSE(job.attended);
}

TEST(Videos, FormsSayTheSameAsJson) {
  Bench bench;
  bench.start();
  const std::string body = form_body({{"prompt", "a red square"},
                                      {"seconds", "1"},
                                      {"fps", "10"},
                                      {"seed", "7"},
                                      {"motion", "0.5"}},
                                     {{"input_reference", "wrong.txt", small_png()}});
  EXPECT_EQ(bench.ask("POST", "/v1/videos", body, form_type()).status, 200);
  const engine::Request asked = bench.jobs.jobs().at(0).what.request;
  EXPECT_EQ(asked.num_frames, 10);
  EXPECT_EQ(asked.seed, 7u);
  EXPECT_EQ(asked.motion, 0.5);
  EXPECT_EQ(asked.picture.height, 20);
}

TEST(Videos, PicturesComeInEveryWay) {
  Bench bench;
  bench.jobs.room = 10;
  bench.start();
  json request = clip_request();
  const std::string url = request["input_reference"];
  make_clip(bench, request);
  request["input_reference"] = url.substr(url.find(',') + 1);  // plain base64
  make_clip(bench, request);
  request["input_reference"] = {{"image_url", url}};
  make_clip(bench, request);
  request["input_reference"] = {{"image_url", {{"url", url}}}};
  make_clip(bench, request);
  EXPECT_EQ(bench.jobs.jobs().size(), 4u);
}

TEST(Videos, SeedsDifferUnlessGiven) {
  Bench bench;
  bench.jobs.room = 2;
  bench.start();
  make_clip(bench);
  make_clip(bench);
  EXPECT_NE(bench.jobs.jobs().at(0).what.request.seed, bench.jobs.jobs().at(1).what.request.seed);
}

TEST(Videos, AreListedInPages) {
  Bench bench;
  bench.jobs.room = 9;
  bench.jobs.finish_at_once = true;
  bench.start();
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) {
    ids.push_back(make_clip(bench));
    json picture = {{"prompt", "p"}, {"image", clip_request()["input_reference"]}};
    EXPECT_EQ(bench.ask("POST", "/v1/images/edits", picture.dump(), json_type()).status, 200);
  }
  const json first = bench.ask("GET", "/v1/videos?limit=2").json();
  EXPECT_EQ(first["object"], "list");
  EXPECT_EQ(first["data"].size(), 2u);
  EXPECT_EQ(first["first_id"], ids[4]);
  EXPECT_EQ(first["last_id"], ids[3]);
  EXPECT_EQ(first["has_more"], true);
  const json rest = bench.ask("GET", "/v1/videos?limit=3&after=" + ids[3]).json();
  EXPECT_EQ(rest["data"].size(), 3u);
  EXPECT_EQ(rest["has_more"], false);
  EXPECT_EQ(bench.ask("GET", "/v1/videos?order=asc").json()["first_id"], ids[0]);

  EXPECT_EQ(bench.ask("GET", "/v1/videos?limit=0").error(), "invalid_value limit");
  EXPECT_EQ(bench.ask("GET", "/v1/videos?limit=x").error(), "invalid_value limit");
  EXPECT_EQ(bench.ask("GET", "/v1/videos?order=up").error(), "invalid_value order");
  EXPECT_EQ(bench.ask("GET", "/v1/videos?after=video_none").error(), "not_found after");
}

TEST(Videos, AreCancelledAndDeleted) {
  Bench bench;
  bench.start();
  const std::string path = "/v1/videos/" + make_clip(bench);
  EXPECT_EQ(bench.ask("POST", path + "/cancel").json()["status"], "cancelled");
  const json deleted = bench.ask("DELETE", path).json();
  EXPECT_EQ(deleted["deleted"], true);
  EXPECT_EQ(deleted["object"], "video.deleted");
  EXPECT_EQ(bench.ask("GET", path).error(), "not_found id");
  EXPECT_EQ(bench.ask("DELETE", path).error(), "not_found id");
  EXPECT_EQ(bench.ask("POST", path + "/cancel").error(), "not_found id");
}

TEST(Videos, FailuresAreShownButNotOurSecrets) {
  Bench bench;
  bench.start();
  const std::string id = make_clip(bench);
  bench.jobs.fail(id, base::StatusCode::kInternal, "/secret/path: assertion failed");
  const Answer failed = bench.ask("GET", "/v1/videos/" + id);
  EXPECT_EQ(failed.json()["status"], "failed");
  EXPECT_EQ(failed.json()["error"]["code"], "internal_error");
  EXPECT_EQ(failed.body.find("secret"), std::string::npos);
}

TEST(Videos, SynchronousOnesComeAsBytes) {
  Bench bench;
  bench.start();
  Client client = bench.client();
  client.send(request_text("POST", "/v1/videos/sync", clip_request().dump(), json_type()));
  // The header comes at admission, long before the clip.
  const std::string head = client.read_until("\r\n\r\n");
  EXPECT_THAT(head, HasSubstr("HTTP/1.1 200"));
  EXPECT_THAT(head, HasSubstr("content-type: video/mp4"));
  EXPECT_THAT(head, HasSubstr("x-job-id: video_"));
  EXPECT_TRUE(bench.jobs.jobs().at(0).attended);
  bench.jobs.complete(bench.jobs.jobs().at(0).id);
  EXPECT_THAT(client.read_until("\r\n0\r\n\r\n"), HasSubstr(bench.jobs.content));
  // The connection goes on.
  EXPECT_EQ(client.ask("GET", "/v1/models").status, 200);
}

TEST(Videos, SynchronousOnesThatFailEndInTheMiddle) {
  Bench bench;
  bench.start();
  Client client = bench.client();
  client.send(request_text("POST", "/v1/videos/sync", clip_request().dump(), json_type()));
  ASSERT_TRUE(eventually([&] { return bench.jobs.watching() == 1; }));
  bench.jobs.fail(bench.jobs.jobs().at(0).id, base::StatusCode::kResourceExhausted, "memory");
  EXPECT_EQ(client.read_answer().status, -1);  // no last chunk
}

TEST(Videos, SynchronousOnesForOldClientsComeWhole) {
  Bench bench;
  bench.jobs.finish_at_once = true;
  bench.start();
  Client client = bench.client();
  std::string text = request_text("POST", "/v1/videos/sync", clip_request().dump(), json_type());
  text.replace(text.find("HTTP/1.1"), 8, "HTTP/1.0");
  client.send(text);
  const Answer answer = client.read_answer();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("content-length"), std::to_string(bench.jobs.content.size()));
  EXPECT_TRUE(client.is_closed());
}

TEST(Videos, LeavingCancelsASynchronousOne) {
  for (const char* path : {"/v1/videos/sync", "/v1/images/edits"}) {
    Bench bench;
    bench.start();
    json request = clip_request();
    if (std::string(path) == "/v1/images/edits") {
      request["image"] = request["input_reference"];
      request.erase("input_reference");
    }
    Client client = bench.client();
    client.send(request_text("POST", path, request.dump(), json_type()));
    ASSERT_TRUE(eventually([&] { return bench.jobs.watching() == 1; }));
    client.leave();
    EXPECT_TRUE(
        eventually([&] { return bench.jobs.jobs().at(0).state == engine::JobState::kCancelled; }));
    EXPECT_TRUE(eventually([&] { return bench.jobs.watching() == 0; }));
    EXPECT_EQ(bench.metric("zoetrope_http_disconnects_total"), 1);
    // An asynchronous job belongs to nobody's connection.
    make_clip(bench);
    EXPECT_EQ(bench.jobs.jobs().at(1).state, engine::JobState::kInProgress);
  }
}

TEST(Videos, IdempotencyKeysGiveTheSameJob) {
  Bench bench;
  bench.start();
  Headers headers = json_type();
  headers["idempotency-key"] = "k1";
  const std::string body = clip_request().dump();
  const Answer first = bench.ask("POST", "/v1/videos", body, headers);
  // The server is busy with that very job, and says so to nobody who asks for it again.
  const Answer again = bench.ask("POST", "/v1/videos", body, headers);
  EXPECT_EQ(again.status, 200) << again.body;
  EXPECT_EQ(again.json()["id"], first.json()["id"]);
  json other = clip_request();
  other["prompt"] = "another";
  EXPECT_EQ(bench.ask("POST", "/v1/videos", other.dump(), headers).error(),
            "idempotency_key_reused idempotency-key");
  headers["idempotency-key"] = "k2";
  EXPECT_EQ(bench.ask("POST", "/v1/videos", body, headers).status, 429);
  headers["idempotency-key"] = std::string(300, 'k');
  EXPECT_EQ(bench.ask("POST", "/v1/videos", body, headers).error(),
            "invalid_value idempotency-key");
}

}  // namespace
}  // namespace zoetrope::http::testing

// HTTP itself: keep-alive, pipelining, slow and rude clients, limits, ranges, many connections.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "http/test_client.h"

namespace zoetrope::http::testing {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::HasSubstr;

TEST(Protocol, ConnectionsAreKeptAndPipelined) {
  Bench bench;
  bench.start();
  Client client = bench.client();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.ask("GET", "/v1/models").status, 200);
  std::string several = request_text("GET", "/v1/models", {}, {{"x-request-id", "first"}});
  several += request_text("POST", "/v1/videos", clip_request().dump(),
                          {{"content-type", "application/json"}, {"x-request-id", "second"}});
  several += request_text("GET", "/health/live", {}, {{"x-request-id", "third"}});
  client.send(several);
  for (const char* id : {"first", "second", "third"}) {
    const Answer answer = client.read_answer();
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.header("x-request-id"), id);
  }
}

TEST(Protocol, RequestsSentWhileWaitingAreAnsweredAfterwards) {
  Bench bench;
  bench.start();
  Client client = bench.client();
  client.send(request_text("POST", "/v1/videos/sync", clip_request().dump(), json_type()));
  ASSERT_TRUE(eventually([&] { return bench.jobs.watching() == 1; }));
  client.send(request_text("GET", "/health/live"));
  bench.jobs.complete(bench.jobs.jobs().at(0).id);
  EXPECT_EQ(client.read_answer().body, bench.jobs.content);
  EXPECT_EQ(client.read_answer().json()["status"], "ok");
}

TEST(Protocol, BytesMayComeOneByOne) {
  Bench bench;
  bench.start();
  Client client = bench.client();
  const std::string text = request_text("GET", "/health/live", {}, {{"x-request-id", "slowly"}});
  for (const char c : text) client.send(std::string(1, c));
  EXPECT_EQ(client.read_answer().header("x-request-id"), "slowly");
}

TEST(Protocol, ChunkedBodiesAreTaken) {
  Bench bench;
  bench.start();
  const std::string body = clip_request().dump();
  std::string chunks;
  for (size_t at = 0; at < body.size(); at += 100) {
    const std::string piece = body.substr(at, 100);
    chunks += fmt::format("{:x}\r\n{}\r\n", piece.size(), piece);
  }
  Headers headers = json_type();
  headers["transfer-encoding"] = "chunked";
  EXPECT_EQ(bench.ask("POST", "/v1/videos", chunks + "0\r\n\r\n", headers).status, 200);
}

TEST(Protocol, ContinueIsSaidOnlyWhereTheBodyIsWanted) {
  Bench bench;
  bench.start();
  const std::string body = clip_request().dump();
  Headers headers = json_type();
  headers["expect"] = "100-continue";
  headers["content-length"] = std::to_string(body.size());
  Client client = bench.client();
  client.send(request_text("POST", "/v1/videos", {}, headers));
  EXPECT_THAT(client.read_until("\r\n\r\n"), HasSubstr("100 Continue"));
  client.send(body);
  EXPECT_EQ(client.read_answer().status, 200);

  Client refused = bench.client();  // the server is busy now: nobody has to send a picture for that
  refused.send(request_text("POST", "/v1/videos", {}, headers));
  const Answer busy = refused.read_answer();
  EXPECT_EQ(busy.status, 429);
  EXPECT_EQ(busy.header("connection"), "close");
  EXPECT_TRUE(refused.is_closed());
  headers["expect"] = "a miracle";
  EXPECT_EQ(bench.ask("POST", "/v1/videos", body, headers).status, 417);
}

TEST(Protocol, ABusyServerRefusesBeforeTheBody) {
  Bench bench;
  bench.jobs.room = 0;
  bench.start();
  Headers headers = json_type();
  headers["content-length"] = std::to_string(20 << 20);
  Client client = bench.client();
  client.send(request_text("POST", "/v1/videos", {}, headers));  // and no body
  const Answer busy = client.read_answer();
  EXPECT_EQ(busy.status, 429);
  EXPECT_EQ(busy.error(), "busy -");
  EXPECT_FALSE(busy.header("retry-after").empty());
  EXPECT_EQ(bench.jobs.submissions(), 0);

  Client small = bench.client();  // a small body is read to its end, and the connection is kept
  EXPECT_EQ(small.ask("POST", "/v1/videos", clip_request().dump(), json_type()).status, 429);
  EXPECT_EQ(small.ask("GET", "/health/live").status, 200);
}

TEST(Protocol, BodiesHaveALimit) {
  Bench bench;
  bench.start([](ServerOptions& options) { options.limits.body_bytes = 1000; });
  EXPECT_EQ(bench.ask("POST", "/v1/videos", std::string(1001, 'x'), json_type()).error(),
            "body_too_large body");
  Headers headers = json_type();
  headers["content-length"] = "99999999999";
  Client client = bench.client();
  client.send(request_text("POST", "/v1/videos", {}, headers));
  EXPECT_EQ(client.read_answer().status, 413);
  // A chunked one says nothing of its size before it has it.
  headers = json_type();
  headers["transfer-encoding"] = "chunked";
  const std::string chunk = fmt::format("{:x}\r\n{}\r\n", 600, std::string(600, ' '));
  EXPECT_EQ(bench.ask("POST", "/v1/videos", chunk + chunk + "0\r\n\r\n", headers).status, 413);
}

TEST(Protocol, HeadersHaveALimit) {
  Bench bench;
  bench.start();
  EXPECT_EQ(bench.ask("GET", "/v1/models", {}, {{"x-long", std::string(40'000, 'x')}}).status, 431);
  EXPECT_EQ(bench.ask("GET", "/" + std::string(40'000, 'x')).status, 431);
}

TEST(Protocol, NonsenseIsRefused) {
  Bench bench;
  bench.start();
  for (const std::string& text :
       {std::string("nonsense\r\n\r\n"), std::string("GET / HTTP/3.0\r\n\r\n"),
        std::string("GET / HTTP/1.1\r\n\r\n"),  // no Host
        std::string("GET / HTTP/1.1\r\nhost: a b\r\n\r\n"),
        std::string("GET / HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n\r\n"),
        std::string("GET / HTTP/1.1\r\nhost : localhost\r\n\r\n"),
        std::string("GET x HTTP/1.1\r\nhost: localhost\r\n\r\n"),
        std::string("GET /%zz HTTP/1.1\r\nhost: localhost\r\n\r\n"),
        std::string("GET /%00 HTTP/1.1\r\nhost: localhost\r\n\r\n"),
        // Two readers could differ about where such a body ends.
        std::string("POST /v1/videos HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\n"
                    "transfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
        std::string("POST /v1/videos HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\n"
                    "content-length: 4\r\n\r\nabcd"),
        std::string("POST /v1/videos HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n")}) {
    Client client = bench.client();
    client.send(text);
    const Answer answer = client.read_answer();
    EXPECT_EQ(answer.status, 400) << text;
    answer.error();
  }
}

TEST(Protocol, SlowClientsAreNotWaitedFor) {
  Bench bench;
  bench.start([](ServerOptions& options) {
    options.limits.header_time = options.limits.body_time = 100ms;
    options.limits.idle_time = 300ms;
  });
  Client header = bench.client();
  header.send("GET / HT");
  EXPECT_EQ(header.read_answer().status, 408);
  EXPECT_TRUE(header.is_closed());
  Client body = bench.client();
  Headers headers = json_type();
  headers["content-length"] = "100";
  body.send(request_text("POST", "/v1/videos", "{", headers));
  const Answer answer = body.read_answer();
  EXPECT_EQ(answer.status, 408);
  EXPECT_EQ(answer.error(), "timeout body");
  EXPECT_TRUE(body.is_closed());
  Client idle = bench.client();
  EXPECT_TRUE(idle.is_closed());
  Client once = bench.client();
  EXPECT_EQ(once.ask("GET", "/health/live").status, 200);
  EXPECT_TRUE(once.is_closed());
  EXPECT_GE(bench.metric("zoetrope_http_slow_clients_total"), 2);
}

TEST(Protocol, WhoeverReadsNothingIsLetGo) {
  Bench bench;
  bench.jobs.content = std::string(64 << 20, 'x');  // more than any socket's buffer
  bench.jobs.finish_at_once = true;
  bench.start([](ServerOptions& options) { options.limits.write_time = 200ms; });
  const std::string id =
      bench.ask("POST", "/v1/videos", clip_request().dump(), json_type()).json()["id"];
  Client client = bench.client();
  client.send(request_text("GET", "/v1/videos/" + id + "/content"));
  EXPECT_TRUE(eventually([&] { return bench.metric("zoetrope_http_connections") == 0; }));
}

TEST(Protocol, ConnectionsHaveALimit) {
  Bench bench;
  bench.start([](ServerOptions& options) { options.limits.connections = 2; });
  Client first = bench.client(), second = bench.client();
  EXPECT_EQ(first.ask("GET", "/health/live").status, 200);
  EXPECT_EQ(second.ask("GET", "/health/live").status, 200);
  Client third = bench.client();
  EXPECT_TRUE(third.is_closed());
  first.leave();
  EXPECT_TRUE(eventually([&] { return bench.metric("zoetrope_http_connections") == 1; }));
  EXPECT_EQ(bench.ask("GET", "/health/live").status, 200);
}

TEST(Protocol, TwoHundredConnectionsAreServed) {
  Bench bench;
  bench.jobs.room = 0;
  bench.start();
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 200; ++i) clients.push_back(std::make_unique<Client>(bench.server->port()));
  const std::string refused =
      request_text("POST", "/v1/videos", clip_request().dump(), json_type());
  for (int round = 0; round < 3; ++round) {
    for (auto& client : clients) client->send(refused);
    for (auto& client : clients) EXPECT_EQ(client->read_answer().status, 429);
  }
  EXPECT_EQ(bench.metric("zoetrope_http_refused_total", "busy"), 600);
}

TEST(Protocol, FilesComeInParts) {
  Bench bench;
  bench.jobs.finish_at_once = true;
  bench.jobs.content = "0123456789";
  bench.start();
  const std::string id =
      bench.ask("POST", "/v1/videos", clip_request().dump(), json_type()).json()["id"];
  const std::string path = "/v1/videos/" + id + "/content";
  const Answer part = bench.ask("GET", path, {}, {{"range", "bytes=2-4"}});
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.body, "234");
  EXPECT_EQ(part.header("content-range"), "bytes 2-4/10");
  EXPECT_EQ(bench.ask("GET", path, {}, {{"range", "bytes=-3"}}).body, "789");
  EXPECT_EQ(bench.ask("GET", path, {}, {{"range", "bytes=7-"}}).body, "789");
  const Answer beyond = bench.ask("GET", path, {}, {{"range", "bytes=10-"}});
  EXPECT_EQ(beyond.status, 416);
  EXPECT_EQ(beyond.header("content-range"), "bytes */10");
  const Answer head = bench.ask("HEAD", path);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.header("content-length"), "10");
  EXPECT_TRUE(head.body.empty());
  const std::string etag = head.header("etag");
  EXPECT_EQ(bench.ask("GET", path, {}, {{"if-none-match", etag}}).status, 304);
  EXPECT_EQ(bench.ask("GET", path, {}, {{"if-range", "\"x\""}, {"range", "bytes=0-1"}}).status,
            200);
  EXPECT_EQ(bench.ask("GET", path, {}, {{"if-range", etag}, {"range", "bytes=0-1"}}).status, 206);
  EXPECT_EQ(bench.ask("GET", path + "?index=1").error(), "not_found index");
  EXPECT_EQ(bench.ask("GET", path + "?variant=thumbnail").error(), "invalid_value variant");
}

TEST(Protocol, RequestIdsAreKeptWhereTheyAreWellFormed) {
  Bench bench;
  bench.start();
  EXPECT_EQ(bench.ask("GET", "/health/live", {}, {{"x-request-id", "my-1"}}).header("x-request-id"),
            "my-1");
  EXPECT_THAT(
      bench.ask("GET", "/health/live", {}, {{"x-request-id", "a b<c>"}}).header("x-request-id"),
      ::testing::StartsWith("req_"));
}

TEST(Protocol, PagesCarryTheirPolicy) {
  Bench bench;
  bench.start();
  const Answer page = bench.ask("GET", "/");
  EXPECT_EQ(page.status, 200);
  EXPECT_THAT(page.header("content-type"), HasSubstr("text/html"));
  EXPECT_THAT(page.header("content-security-policy"), HasSubstr("script-src 'self'"));
  EXPECT_EQ(bench.ask("GET", "/", {}, {{"if-none-match", page.header("etag")}}).status, 304);
  EXPECT_EQ(bench.ask("HEAD", "/docs").status, 200);
  const Answer api = bench.ask("GET", "/v1/models");
  EXPECT_THAT(api.header("content-security-policy"), HasSubstr("default-src 'none'"));
  EXPECT_EQ(api.header("x-content-type-options"), "nosniff");
  EXPECT_EQ(api.header("referrer-policy"), "no-referrer");
  EXPECT_EQ(api.header("cache-control"), "no-store");
  EXPECT_THAT(bench.ask("GET", "/metrics").body, HasSubstr("zoetrope_http_requests_total"));
}

TEST(Protocol, StoppingFinishesWhatIsUnderWay) {
  Bench bench;
  bench.start();
  Client idle = bench.client(), waiting = bench.client();
  EXPECT_EQ(idle.ask("GET", "/health/live").status, 200);
  waiting.send(request_text("POST", "/v1/videos/sync", clip_request().dump(), json_type()));
  ASSERT_TRUE(eventually([&] { return bench.jobs.watching() == 1; }));
  std::thread stopping([&] { bench.server->stop(30s); });
  EXPECT_TRUE(idle.is_closed());
  bench.jobs.complete(bench.jobs.jobs().at(0).id);
  EXPECT_EQ(waiting.read_answer().body, bench.jobs.content);
  EXPECT_TRUE(waiting.is_closed());
  stopping.join();
}

TEST(Protocol, HealthFollowsTheService) {
  Bench bench;
  bench.jobs.state.ready = false;
  bench.jobs.state.reason = "draining";
  bench.start();
  EXPECT_EQ(bench.ask("GET", "/health/live").status, 200);
  const Answer ready = bench.ask("GET", "/health/ready");
  EXPECT_EQ(ready.status, 503);
  EXPECT_EQ(ready.json()["reason"], "draining");
}

}  // namespace
}  // namespace zoetrope::http::testing

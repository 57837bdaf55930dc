#include "rehearsal/stub_worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <cmath>
#include <thread>

#include <nlohmann/json.hpp>

#include "traffic/load/figures.h"
#include "traffic/load/load_test.h"

namespace zoetrope::rehearsal {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// One blocking connection.
class Client {
 public:
  explicit Client(uint16_t port) {
    socket_.connect({asio::ip::address_v4::loopback(), port}, error_);
  }
  bool connected() const { return !error_; }
  void send(const std::string& method, const std::string& path, const std::string& headers = "") {
    asio::write(socket_,
                asio::buffer(method + " " + path + " HTTP/1.1\r\nhost: x\r\n" + headers + "\r\n"),
                error_);
  }
  // Up to and with `end`, or all there is when the connection closes before.
  std::string until(const std::string& end) {
    const size_t bytes = asio::read_until(socket_, asio::dynamic_buffer(text_), end, error_);
    std::string found = text_.substr(0, error_ ? text_.size() : bytes);
    text_.erase(0, found.size());
    return found;
  }
  std::string ask(const std::string& path, const std::string& headers = "") {
    send("POST", path, headers);
    return until("\r\n\r\n");
  }
  void leave() { socket_.close(error_); }

 private:
  asio::io_context io_;
  asio::ip::tcp::socket socket_{io_};
  boost::system::error_code error_;
  std::string text_;
};

struct Bench {
  explicit Bench(nanoseconds service, int count = 1) {
    std::vector<StubWorkers::Place> places;
    for (int i = 0; i < count; ++i) places.push_back({"here", i, 0});
    WorkerOptions options;
    options.service = {service, 0};
    workers = StubWorkers::start(places, options).value_or_throw();
  }
  uint16_t port(int worker = 0) const { return workers->place(worker).port; }
  std::string metrics() const {
    Client client(port());
    client.send("GET", "/metrics", "connection: close\r\n");
    return client.until("never");
  }
  // Until the slot is as told; a test that waits here forever has failed.
  void wait_for_load(int load) const {
    while (metrics().find("\nzoetrope_load " + std::to_string(load) + "\n") == std::string::npos) {
      std::this_thread::sleep_for(milliseconds(2));
    }
  }
  std::unique_ptr<StubWorkers> workers;
};

TEST(StubWorkerTest, SendsHeadersAtOnceAndTheBodyWhenItIsDone) {
  const Bench bench(milliseconds(200));
  Client client(bench.port());
  const auto begin = std::chrono::steady_clock::now();
  const std::string head = client.ask("/v1/images/generations");
  EXPECT_THAT(head, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(head, HasSubstr("x-zoetrope-region: here"));
  EXPECT_EQ(bench.workers->counts(0).finished, 0) << "the headers came first";
  EXPECT_THAT(client.until("0\r\n\r\n"), HasSubstr("\"seconds\":0.200"));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(200));
  EXPECT_THAT(client.ask("/v1/images/generations"), StartsWith("HTTP/1.1 200"))
      << "the connection and the slot serve the next";
}

TEST(StubWorkerTest, RefusesASecondRequestAtOnce) {
  const Bench bench(std::chrono::hours(1));
  Client first(bench.port());
  first.ask("/");
  Client second(bench.port());
  const std::string refused = second.ask("/");
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 429"));
  EXPECT_THAT(refused, HasSubstr("retry-after: "));
  EXPECT_EQ(bench.workers->counts(0).refused, 1);
}

TEST(StubWorkerTest, ALeavingClientFreesTheSlot) {
  const Bench bench(std::chrono::hours(1));
  Client first(bench.port());
  first.ask("/");
  bench.wait_for_load(1);
  first.leave();
  bench.wait_for_load(0);
  EXPECT_EQ(bench.workers->counts(0).disconnected, 1);
  EXPECT_THAT(bench.metrics(), HasSubstr("zoetrope_slot_ends_total{how=\"disconnected\"} 1"));
  Client second(bench.port());
  EXPECT_THAT(second.ask("/"), StartsWith("HTTP/1.1 200"));
}

TEST(StubWorkerTest, DoesNotGenerateTwiceForOneKey) {
  const Bench bench(milliseconds(100));
  Client first(bench.port());
  first.ask("/", "idempotency-key: k\r\n");
  Client second(bench.port());
  EXPECT_THAT(second.ask("/", "idempotency-key: k\r\n"), StartsWith("HTTP/1.1 409"));
  first.until("0\r\n\r\n");
  Client third(bench.port());
  EXPECT_THAT(third.ask("/", "idempotency-key: k\r\n"), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(bench.workers->counts(0).accepted, 1);
}

TEST(StubWorkerTest, TakesNoSlotForAJobWhoseTimeIsOver) {
  const Bench bench(milliseconds(100));
  Client client(bench.port());
  EXPECT_THAT(client.ask("/", "x-zoetrope-deadline: 1000\r\n"), StartsWith("HTTP/1.1 408"));
  Client broken(bench.port());
  EXPECT_THAT(broken.ask("/", "x-zoetrope-deadline: soon\r\n"), StartsWith("HTTP/1.1 400"));
  EXPECT_EQ(bench.workers->counts(0).accepted, 0);
}

TEST(StubWorkerTest, FaultsDoWhatTheySay) {
  const Bench bench(std::chrono::hours(1));
  Client running(bench.port());
  running.ask("/");
  bench.workers->set_fault(0, Fault::kDrain);
  Client late(bench.port());
  EXPECT_THAT(late.ask("/"), StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(bench.metrics(), HasSubstr("zoetrope_load 1")) << "what runs goes on";
  EXPECT_THAT(bench.metrics(), HasSubstr("zoetrope_ready 0"));

  bench.workers->set_fault(0, Fault::kCrash);
  EXPECT_EQ(running.until("\r\n0\r\n").find("\r\n0\r\n"), std::string::npos) << "cut off";
  EXPECT_FALSE(Client(bench.port()).connected());

  bench.workers->set_fault(0, Fault::kNone);
  EXPECT_THAT(bench.metrics(), HasSubstr("zoetrope_load 0"));
  Client again(bench.port());
  EXPECT_THAT(again.ask("/"), StartsWith("HTTP/1.1 200"));

  bench.workers->set_fault(0, Fault::kUnavailable);
  EXPECT_THAT(Client(bench.port()).ask("/"), StartsWith("HTTP/1.1 503"));
}

TEST(StubWorkerTest, ServiceTimesAreLogNormal) {
  const ServiceTime time{seconds(4), 0.15};
  double sum = 0;
  double squares = 0;
  constexpr int kDraws = 20'000;
  for (int i = 0; i < kDraws; ++i) {
    const double drawn = std::chrono::duration<double>(service_time(time, 1, 2, i)).count();
    sum += drawn;
    squares += drawn * drawn;
  }
  const double mean = sum / kDraws;
  EXPECT_NEAR(mean, 4, 5 * 0.6 / std::sqrt(kDraws));
  EXPECT_NEAR(std::sqrt(squares / kDraws - mean * mean) / mean, 0.15, 0.01);
  EXPECT_EQ(service_time({seconds(4), 0}, 1, 2, 3), seconds(4));
}

// The load test, the retry discipline and the slots together: nothing runs twice at once, and
// every job that was reported done was done.
TEST(StubWorkerTest, UnderLoadEveryJobIsDoneOnce) {
  const Bench bench(milliseconds(20));
  traffic::load::Options options;
  options.endpoint.port = bench.port();
  options.stages = {{40, seconds(2)}};
  options.submit.backoff = {milliseconds(5), milliseconds(40)};
  options.heed_retry_after = false;
  const auto records = traffic::load::run(options, base::CancelToken());
  const auto all = traffic::load::figures(records, seconds(0), seconds(2));
  EXPECT_EQ(all.success, 1) << to_json(all);
  EXPECT_GT(all.submissions, 1.0) << "some found it busy";
  EXPECT_EQ(all.by_region.at("here"), all.jobs);
  const WorkerCounts counts = bench.workers->counts(0);
  EXPECT_EQ(counts.finished, all.jobs);
  EXPECT_EQ(counts.most_at_once, 1);
}

// A worker with twenty slots and clients that ask once is Erlang's loss system: the measured knee
// must be where his formula has it.
TEST(StubWorkerSlowTest, TheMeasuredKneeIsErlangs) {
  constexpr int kSlots = 20;
  constexpr double kService = 0.1;
  constexpr double kTarget = 0.95;
  const auto loss = [&](double rate) {
    double blocked = 1;
    for (int n = 1; n <= kSlots; ++n) {
      blocked = rate * kService * blocked / (n + rate * kService * blocked);
    }
    return blocked;
  };
  double theory = 100;
  while (loss(theory) < 1 - kTarget) theory += 0.1;

  WorkerOptions worker;
  worker.slots = kSlots;
  worker.service = {milliseconds(100), 0.15};
  const auto workers = StubWorkers::start({{"here", 0, 0}}, worker).value_or_throw();
  traffic::load::Options options;
  options.endpoint.port = workers->place(0).port;
  options.stages =
      traffic::load::staircase(theory * 0.7, theory * 1.3, 5, seconds(5)).value_or_throw();
  options.submit.max_tries = 1;
  const auto records = traffic::load::run(options, base::CancelToken());
  const auto stages = traffic::load::by_stage(records, options.stages);
  const auto knee = traffic::load::knee(stages, kTarget);
  ASSERT_TRUE(knee.has_value());
  EXPECT_NEAR(*knee / theory, 1, 0.1) << "with some 800 jobs a step; theory: " << theory;
  EXPECT_LE(workers->counts(0).most_at_once, kSlots);
}

}  // namespace
}  // namespace zoetrope::rehearsal

// The lease against a real etcd, started by the test where one is installed.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>

#include "support/temporary_folder.h"
#include "traffic/control/installed_program.h"
#include "traffic/control/leadership.h"

namespace zoetrope::traffic::control {
namespace {

using std::chrono::seconds;

class Etcd {
 public:
  bool start() {
    client_ = {"127.0.0.1", testing::free_port()};
    const std::string client = "http://" + to_string(client_);
    const std::string peer = "http://127.0.0.1:" + std::to_string(testing::free_port());
    return program_.start(
        {testing::installed("etcd"), "--data-dir=" + (folder_.path() / "data").string(),
         "--listen-client-urls=" + client, "--advertise-client-urls=" + client,
         "--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer,
         "--initial-cluster=default=" + peer},
        client_, "/health");
  }
  void stop() { program_.stop(); }

  EtcdConfig config() const {
    return {.endpoints = {client_}, .prefix = "zoetrope/test", .lease = seconds(2)};
  }

 private:
  const test_support::TemporaryFolder folder_;
  Address client_;
  testing::RunningProgram program_;
};

Time now() { return std::chrono::steady_clock::now().time_since_epoch(); }

#define START_OR_SKIP(etcd)                                                            \
  if (testing::installed("etcd").empty()) GTEST_SKIP() << "no etcd is installed here"; \
  ASSERT_TRUE((etcd).start())

Standing renewed(Leadership& leadership) {
  const auto standing = leadership.renew(now());
  EXPECT_TRUE(standing.ok()) << standing.status().message();
  return standing.ok() ? *standing : Standing();
}

TEST(EtcdLease, OneLeadsTheOtherKnowsWho) {
  Etcd etcd;
  START_OR_SKIP(etcd);
  const auto a = lead_by_etcd(etcd.config(), "10.0.0.1:17000");
  const auto b = lead_by_etcd(etcd.config(), "10.0.0.2:17000");
  EXPECT_TRUE(renewed(*a).leads);
  const Standing other = renewed(*b);
  EXPECT_FALSE(other.leads);
  EXPECT_EQ(other.leader, "10.0.0.1:17000");
  EXPECT_TRUE(renewed(*a).leads);

  EXPECT_TRUE(a->commit(1, now()).ok());
  EXPECT_TRUE(a->commit(2, now()).ok());
  EXPECT_EQ(a->commit(2, now()).code(), base::StatusCode::kAborted);  // never again
  EXPECT_EQ(a->commit(1, now()).code(), base::StatusCode::kAborted);  // nor older
  EXPECT_EQ(b->commit(3, now()).code(), base::StatusCode::kAborted);  // nor by another
  EXPECT_EQ(renewed(*b).version, 2);

  a->resign();
  const Standing taken = renewed(*b);
  EXPECT_TRUE(taken.leads);
  EXPECT_EQ(taken.leader, "10.0.0.2:17000");
  EXPECT_EQ(taken.version, 2);
  EXPECT_TRUE(b->commit(3, now()).ok());
  EXPECT_EQ(a->commit(4, now()).code(), base::StatusCode::kAborted);
  EXPECT_FALSE(renewed(*a).leads);
}

// A leader that hung while its lease ran out must not publish when it comes to itself, however sure
// of itself it is: its clock did not move.
TEST(EtcdLeaseSlow, AHungLeaderCannotCommit) {
  Etcd etcd;
  START_OR_SKIP(etcd);
  const auto a = lead_by_etcd(etcd.config(), "10.0.0.1:17000");
  const auto b = lead_by_etcd(etcd.config(), "10.0.0.2:17000");
  const Time stopped_clock = now();
  ASSERT_TRUE(a->renew(stopped_clock)->leads);
  bool taken = false;
  for (int i = 0; i < 200 && !taken; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    taken = renewed(*b).leads;
  }
  ASSERT_TRUE(taken);
  EXPECT_EQ(a->commit(5, stopped_clock).code(), base::StatusCode::kAborted);
  EXPECT_TRUE(b->commit(1, now()).ok());
}

TEST(EtcdLease, WithoutEtcdNobodyLeads) {
  Etcd etcd;
  START_OR_SKIP(etcd);
  const auto a = lead_by_etcd(etcd.config(), "10.0.0.1:17000");
  ASSERT_TRUE(renewed(*a).leads);
  etcd.stop();
  EXPECT_EQ(a->renew(now()).status().code(), base::StatusCode::kUnavailable);
  EXPECT_EQ(a->commit(1, now()).code(), base::StatusCode::kUnavailable);
}

TEST(EtcdLease, TheNextEndpointIsTried) {
  Etcd etcd;
  START_OR_SKIP(etcd);
  EtcdConfig config = etcd.config();
  config.endpoints.insert(config.endpoints.begin(), {"127.0.0.1", 1});
  const auto a = lead_by_etcd(config, "10.0.0.1:17000");
  EXPECT_TRUE(renewed(*a).leads);
  EXPECT_TRUE(a->commit(1, now()).ok());
}

}  // namespace
}  // namespace zoetrope::traffic::control

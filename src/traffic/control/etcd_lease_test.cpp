// The lease against a real etcd, started by the test where one is installed.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "support/temporary_folder.h"
#include "traffic/control/http_client.h"
#include "traffic/control/leadership.h"

namespace zoetrope::traffic::control {
namespace {

using std::chrono::seconds;

// Ports that nobody has at this moment.
uint16_t free_port() {
  boost::asio::io_context io;
  const boost::asio::ip::tcp::acceptor acceptor(io,
                                                {boost::asio::ip::make_address("127.0.0.1"), 0});
  return acceptor.local_endpoint().port();
}

std::string installed_etcd() {
  for (const char* path : {"/usr/bin/etcd", "/usr/local/bin/etcd"}) {
    if (std::filesystem::exists(path)) return path;
  }
  return {};
}

class Etcd {
 public:
  // False: there is none, or it does not start.
  bool start() {
    const std::string program = installed_etcd();
    if (program.empty()) return false;
    client_ = {"127.0.0.1", free_port()};
    const std::string client = "http://" + to_string(client_);
    const std::string peer = "http://127.0.0.1:" + std::to_string(free_port());
    std::vector<std::string> words = {program,
                                      "--data-dir=" + (folder_.path() / "data").string(),
                                      "--listen-client-urls=" + client,
                                      "--advertise-client-urls=" + client,
                                      "--listen-peer-urls=" + peer,
                                      "--initial-advertise-peer-urls=" + peer,
                                      "--initial-cluster=default=" + peer};
    if (!run(words)) return false;
    for (int i = 0; i < 300; ++i) {
      const auto health = fetch({client_, "/health", ""}, seconds(1));
      if (health.ok() && health->status == 200) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return false;
  }
  ~Etcd() { stop(); }
  void stop() {
    if (process_ == 0) return;
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
    process_ = 0;
  }

  EtcdConfig config() const {
    return {.endpoints = {client_}, .prefix = "zoetrope/test", .lease = seconds(2)};
  }

 private:
  bool run(std::vector<std::string>& words) {
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t quiet;
    posix_spawn_file_actions_init(&quiet);
    for (const int output : {1, 2}) {
      posix_spawn_file_actions_addopen(&quiet, output, "/dev/null", O_WRONLY, 0);
    }
    const bool started =
        posix_spawn(&process_, arguments[0], &quiet, nullptr, arguments.data(), environ) == 0;
    posix_spawn_file_actions_destroy(&quiet);
    return started;
  }

  const test_support::TemporaryFolder folder_;
  Address client_;
  pid_t process_ = 0;
};

Time now() { return std::chrono::steady_clock::now().time_since_epoch(); }

#define START_OR_SKIP(etcd)                                                  \
  if (installed_etcd().empty()) GTEST_SKIP() << "no etcd is installed here"; \
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

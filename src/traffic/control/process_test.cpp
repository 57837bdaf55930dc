// The manager as a process: real sockets, a real clock, workers and gateways that are small HTTP
// servers here; and a real Prometheus between them where one is installed.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "support/temporary_folder.h"
#include "traffic/control/agent.h"
#include "traffic/control/installed_program.h"
#include "traffic/control/process.h"
#include "traffic/control/server.h"

namespace zoetrope::traffic::control {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kWorkers = 3;

// A region whose gateway counts `demand` requests with every reading of the clock.
class Region {
 public:
  explicit Region(double demand) : demand_(demand) {
    for (int i = 0; i < kWorkers; ++i) {
      servers_.push_back(serve([] { return std::string("zoetrope_load 0\nzoetrope_slots 1\n"); }));
    }
    servers_.push_back(serve([this] { return gateway(); }));
  }

  Address gateway_address() const { return servers_.back()->address(); }
  std::string toml(const std::string& name, const std::string& more) const {
    std::string workers;
    for (int i = 0; i < kWorkers; ++i) {
      workers += fmt::format("\"{}\", ", to_string(servers_[i]->address()));
    }
    const std::string gate = to_string(gateway_address());
    return fmt::format(
        "[[regions]]\nname = \"{}\"\ncontinent = \"here\"\ningress = \"{}\"\nimport = \"{}\"\n"
        "gateways = [\"{}\"]\nworkers = [{}]\n{}",
        name, gate, gate, gate, workers, more);
  }
  std::vector<std::string> targets() const {
    std::vector<std::string> all;
    for (const auto& server : servers_) all.push_back(to_string(server->address()));
    return all;
  }

 private:
  static std::unique_ptr<Server> serve(std::function<std::string()> text) {
    return Server::start({"127.0.0.1", 0},
                         [text = std::move(text)](const Request&) {
                           return Response{.body = text(), .media_type = "text/plain"};
                         })
        .value_or_throw();
  }
  std::string gateway() const {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return fmt::format(
        "envoy_http_downstream_rq_total{{envoy_http_conn_manager_prefix=\"ingress\"}} {}\n",
        demand_ * std::chrono::duration<double>(now).count());
  }

  const double demand_;
  std::vector<std::unique_ptr<Server>> servers_;
};

bool eventually(const std::function<bool()>& condition) {
  const auto limit = std::chrono::steady_clock::now() + seconds(60);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > limit) return false;
    std::this_thread::sleep_for(milliseconds(20));
  }
  return true;
}

std::string fleet_toml(const Region& hot, const Region& cool, const std::string& manager,
                       const std::string& more = "") {
  return "[manager]\nlisten = \"127.0.0.1:0\"\n" + manager + hot.toml("hot", more) +
         cool.toml("cool", more) + "[rtt_ms.hot]\ncool = 10\n";
}

json status_of(const Process& process) {
  const auto reply = fetch({process.address(), "/v1/status", ""}, seconds(10));
  return reply.ok() ? json::parse(reply->body) : json::object();
}

bool spills(const Process& process) {
  const json status = status_of(process);
  if (!status.contains("regions") || !status["regions"][0].contains("row")) return false;
  return status["regions"][0]["row"][1] > 1000;
}

TEST(Process, PublishesServesAndStops) {
  const test_support::TemporaryFolder folder;
  const Region hot(1.2);  // of .66 that three workers can take
  const Region cool(.05);
  auto config =
      parse_fleet_config(fleet_toml(hot, cool, "epoch_seconds = 0.1\n[policy]\nshed = \"never\"\n"),
                         "fleet.toml", folder.path());
  ASSERT_TRUE(config.ok()) << config.status().message();
  Address address;
  AgentOptions options{.region = "hot", .managers = {}, .folder = folder.path() / "files"};
  {
    auto process = Process::start(*config);
    ASSERT_TRUE(process.ok()) << process.status().message();
    address = (*process)->address();
    EXPECT_TRUE(eventually([&] { return spills(**process); })) << status_of(**process).dump(1);
    options.managers = {address};
    auto agent = Agent::make(options, fetch);
    ASSERT_TRUE(agent.ok());
    const AgentRound round = agent->pull();
    EXPECT_TRUE(round.problem.ok()) << round.problem.message();
    EXPECT_EQ(round.written.size(), 3);
  }
  EXPECT_FALSE(fetch({address, "/health/live", ""}, seconds(5)).ok());  // it is gone
  const AgentRound alone = Agent::make(options, fetch)->pull();
  EXPECT_FALSE(alone.problem.ok());
  EXPECT_TRUE(alone.written.empty());

  // Started again it has the table before it has read anything.
  auto again = Process::start(*config);
  ASSERT_TRUE(again.ok()) << again.status().message();
  EXPECT_TRUE(spills(**again));
}

TEST(Process, APortThatIsTakenIsSaid) {
  const test_support::TemporaryFolder folder;
  const Region hot(1);
  const Region cool(1);
  auto config = parse_fleet_config(fleet_toml(hot, cool, ""), "fleet.toml", folder.path());
  ASSERT_TRUE(config.ok()) << config.status().message();
  config->manager.listen = hot.gateway_address();
  const auto process = Process::start(*config);
  EXPECT_EQ(process.status().code(), base::StatusCode::kUnavailable);
}

TEST(ProcessSlow, ReadsThroughAPrometheusServer) {
  const std::string program = testing::installed("prometheus");
  if (program.empty()) GTEST_SKIP() << "no Prometheus is installed here";
  const test_support::TemporaryFolder folder;
  const Region hot(1.2);
  const Region cool(.05);
  json targets = json::array();
  for (const Region* region : {&hot, &cool}) {
    for (const std::string& target : region->targets()) targets.push_back(target);
  }
  // JSON is YAML. Gateways answer the same under every path here.
  json configs = json::object();
  configs["job_name"] = "fleet";
  configs["static_configs"] = json::array({json{{"targets", targets}}});
  json all = json::object();
  all["global"]["scrape_interval"] = "1s";
  all["scrape_configs"] = json::array({configs});
  std::ofstream(folder.path() / "prometheus.yml") << all;
  const Address server{"127.0.0.1", testing::free_port()};
  testing::RunningProgram prometheus;
  ASSERT_TRUE(
      prometheus.start({program, "--config.file=" + (folder.path() / "prometheus.yml").string(),
                        "--storage.tsdb.path=" + (folder.path() / "data").string(),
                        "--web.listen-address=" + to_string(server)},
                       server, "/-/ready"));
  const std::string more = fmt::format("prometheus = \"{}\"\n", to_string(server));
  auto config = parse_fleet_config(
      fleet_toml(hot, cool, "epoch_seconds = 1\n[policy]\nshed = \"never\"\n", more), "fleet.toml",
      folder.path());
  ASSERT_TRUE(config.ok()) << config.status().message();
  const auto process = Process::start(*config);
  ASSERT_TRUE(process.ok()) << process.status().message();
  EXPECT_TRUE(eventually([&] { return spills(**process); })) << status_of(**process).dump(1);
  // Without it everything becomes stale; nothing is taken for idle.
  prometheus.stop();
  EXPECT_TRUE(eventually([&] {
    const json report = status_of(**process)["regions"][0]["report"];
    return report["stale"] == true && report["demand_rps"] > 1;
  })) << status_of(**process).dump(1);
  EXPECT_TRUE(spills(**process));
}

}  // namespace
}  // namespace zoetrope::traffic::control

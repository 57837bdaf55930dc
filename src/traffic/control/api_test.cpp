// The manager's HTTP API, and the agents that put its tables into files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "support/temporary_folder.h"
#include "traffic/control/agent.h"
#include "traffic/control/api.h"
#include "traffic/control/discovery_test_request.h"
#include "traffic/control/fake_world.h"
#include "traffic/control/files.h"
#include "traffic/control/http_client.h"
#include "traffic/control/server.h"
#include "traffic/control/xds_documents.h"

namespace zoetrope::traffic::control {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using testing::FakeRegion;
using testing::FakeWorld;
using ::testing::HasSubstr;
using testing::request;

// A manager that has published, behind its API.
class Api : public ::testing::Test {
 protected:
  Api() : world_({fake(1.2), fake(.3), fake(.3)}) {
    manager_ = Manager::make(world_.config(folder_.path() / "state"), world_.surroundings())
                   .value_or_throw();
    world_.run(*manager_, 20);
  }
  static FakeRegion fake(double u) {
    FakeRegion region;
    region.demand = u * 22;
    return region;
  }
  Response ask(const std::string& method, const std::string& target, const std::string& body = "",
               const std::string& type = "application/json") {
    return answer({method, target, body, type, ""}, *manager_, world_.now());
  }

  const test_support::TemporaryFolder folder_;
  FakeWorld world_;
  std::unique_ptr<Manager> manager_;
};

TEST_F(Api, SaysItsStatus) {
  const Response response = ask("GET", "/v1/status?x=1");
  ASSERT_EQ(response.status, 200);
  const json status = json::parse(response.body);
  EXPECT_EQ(status["epoch"], 20);
  EXPECT_EQ(status["leads"], true);
  EXPECT_EQ(status["thresholds"].size(), 3);
  ASSERT_EQ(status["regions"].size(), 3);
  const json& hot = status["regions"][0];
  EXPECT_EQ(hot["row"].size(), 3);
  EXPECT_GT(hot["report"]["utilisation_at_home"], 1.1);
  EXPECT_THAT(hot["why"].get<std::string>(), HasSubstr("over the threshold"));
  EXPECT_THAT(hot["words"].get<std::string>(), HasSubstr("at home"));
  EXPECT_FALSE(status["events"].empty());
}

TEST_F(Api, HasMetricsInTheFormItReadsItself) {
  const Response response = ask("GET", "/metrics");
  const auto samples = parse_metrics(response.body, "self",
                                     {"zoetrope_traffic_version", "zoetrope_traffic_weight",
                                      "zoetrope_traffic_utilisation", "zoetrope_traffic_leads"});
  ASSERT_TRUE(samples.ok()) << samples.status().message();
  EXPECT_EQ(sum(*samples, "zoetrope_traffic_leads"), 1);
  EXPECT_EQ(sum(*samples, "zoetrope_traffic_weight"), 3 * policy::kWeightSum);
  EXPECT_GE(sum(*samples, "zoetrope_traffic_version").value_or(0), 1);
}

TEST_F(Api, IsHealthyWhileEpochsRun) {
  EXPECT_EQ(ask("GET", "/health/live").status, 200);
  EXPECT_EQ(ask("GET", "/health/ready").status, 200);
  world_.pass(policy::home_table(3));
  for (int i = 0; i < 4; ++i) world_.pass(policy::home_table(3));
  EXPECT_EQ(ask("GET", "/health/live").status, 503);
  EXPECT_EQ(ask("GET", "/health/ready").status, 503);
}

TEST_F(Api, OverridesNeedTheirIdAndType) {
  EXPECT_EQ(ask("POST", "/v1/override", R"({"refusal":"r0-1"})").status, 404);
  EXPECT_EQ(ask("POST", "/v1/override", R"({"refusal":"r0-1"})", "text/plain").status, 415);
  EXPECT_EQ(ask("POST", "/v1/override", "{}").status, 400);
  EXPECT_EQ(ask("POST", "/v1/override", "[").status, 400);
}

TEST_F(Api, KnowsNothingElse) {
  EXPECT_EQ(ask("GET", "/nothing").status, 404);
  EXPECT_EQ(ask("GET", "/../etc/passwd").status, 404);
  EXPECT_EQ(ask("POST", "/v3/discovery:clusters", "{}").status, 404);
  EXPECT_EQ(ask("DELETE", "/").status, 405);
  EXPECT_EQ(ask("GET", "/").status, 200);
  EXPECT_EQ(ask("GET", "/traffic.js").status, 200);
}

TEST_F(Api, IsServedOverHttp) {
  const auto server = Server::start({"127.0.0.1", 0}, [this](const Request& request) {
    return answer(request, *manager_, world_.now());
  });
  ASSERT_TRUE(server.ok()) << server.status().message();
  const Address at = (*server)->address();
  const std::chrono::seconds patience(20);
  const auto replies =
      fetch_all({{at, "/v1/status", ""},
                 {at, "/v3/discovery:endpoints", request("r1", kPoolResource, "").dump()},
                 {at, "/v3/discovery:endpoints", request("r9", kPoolResource, "").dump()},
                 {at, "/v3/discovery:endpoints", std::string(5 << 20, ' ')}},
                patience);
  ASSERT_TRUE(replies[0].ok()) << replies[0].status().message();
  EXPECT_EQ(replies[0]->status, 200);
  ASSERT_TRUE(replies[1].ok()) << replies[1].status().message();
  const std::string version = json::parse(replies[1]->body)["version_info"];
  ASSERT_TRUE(replies[2].ok());
  EXPECT_EQ(replies[2]->status, 404);
  if (replies[3].ok()) {  // or the server hung up while it was still being sent
    EXPECT_EQ(replies[3]->status, 413);
  }
  const auto same = fetch(
      {at, "/v3/discovery:endpoints", request("r1", kPoolResource, version).dump()}, patience);
  ASSERT_TRUE(same.ok()) << same.status().message();
  EXPECT_EQ(same->status, 304);
  // The port is taken now.
  EXPECT_EQ(Server::start(at, nullptr).status().code(), base::StatusCode::kUnavailable);
}

class Agents : public Api {
 protected:
  Agent agent(Agent::Ask ask) {
    return Agent::make({.region = "r0",
                        .managers = {{"10.0.0.1", 1}, {"10.0.0.2", 1}},
                        .folder = folder_.path() / "files"},
                       std::move(ask))
        .value_or_throw();
  }
  // Straight to the manager.
  Agent::Ask through() {
    return [this](const HttpRequest& request, std::chrono::milliseconds) {
      ++asked_;
      const Response response = ask("POST", request.target, request.body);
      return base::Result<HttpReply>(HttpReply{response.status, response.body});
    };
  }
  std::string file(const char* name) {
    return read_small_file(folder_.path() / "files" / name).value_or_throw();
  }

  int asked_ = 0;
};

TEST_F(Agents, PutTablesIntoFilesAndLeaveThemWhileNothingChanges) {
  Agent one = agent(through());
  AgentRound round = one.pull();
  EXPECT_TRUE(round.problem.ok()) << round.problem.message();
  EXPECT_THAT(round.written, ElementsAre("pool.json", "pool_local.json", "runtime.json"));
  EXPECT_EQ(json::parse(file("pool.json"))["resources"][0]["cluster_name"], kPoolResource);
  round = one.pull();
  EXPECT_TRUE(round.problem.ok());
  EXPECT_TRUE(round.written.empty());
  // An agent that starts again knows what is there.
  round = agent(through()).pull();
  EXPECT_TRUE(round.written.empty());
  world_.regions[0].demand = 5;
  world_.run(*manager_, 20);
  EXPECT_EQ(one.pull().written.size(), 3);
}

// Row "Manager down".
TEST_F(Agents, KeepTheFilesWhileNoManagerAnswers) {
  Agent one = agent(through());
  one.pull();
  const std::string before = file("pool.json");
  for (const int status : {0, 500, 503, 404}) {
    Agent two =
        agent([status](const HttpRequest&, std::chrono::milliseconds) -> base::Result<HttpReply> {
          if (status == 0) return base::unavailable("refused");
          return HttpReply{status, "{}"};
        });
    const AgentRound round = two.pull();
    EXPECT_FALSE(round.problem.ok());
    EXPECT_TRUE(round.written.empty());
    EXPECT_EQ(file("pool.json"), before);
  }
}

TEST_F(Agents, GoToTheNextManager) {
  Agent one = agent(
      [this, inner = through()](const HttpRequest& request,
                                std::chrono::milliseconds patience) -> base::Result<HttpReply> {
        if (request.to.host == "10.0.0.1") return base::unavailable("down");
        return inner(request, patience);
      });
  EXPECT_EQ(one.pull().written.size(), 3);
  EXPECT_EQ(asked_, 3);
}

TEST_F(Agents, WriteNothingThatIsOlderEmptyOrAnothers) {
  agent(through()).pull();
  const json good = json::parse(file("pool.json"));
  const std::vector<std::pair<const char*, json>> patches = {
      {"/version_info", "0"},
      {"/version_info", "1"},  // older than what is there
      {"/version_info", "new"},
      {"/resources", json::array()},
      {"/resources/0/endpoints", json::array()},
      {"/resources/0/endpoints/0/lb_endpoints", json::array()},
      {"/resources/0/endpoints/0/load_balancing_weight", 1},
      {"/resources/0/endpoints/0/load_balancing_weight", nullptr},
      {"/resources/0/cluster_name", "animate/pool_local"},
  };
  ASSERT_GT(std::stoi(good["version_info"].get<std::string>()), 1);
  for (const auto& [path, value] : patches) {
    json bad = good;
    bad["version_info"] = "999";
    bad[json::json_pointer(path)] = value;
    Agent two = agent([&](const HttpRequest& request, std::chrono::milliseconds) {
      const bool pool = request.body.find("animate/pool\"") != std::string::npos;
      return base::Result<HttpReply>(pool ? HttpReply{200, bad.dump()} : HttpReply{304, ""});
    });
    const AgentRound round = two.pull();
    EXPECT_FALSE(round.problem.ok()) << path << value;
    EXPECT_TRUE(round.written.empty()) << path << value;
    EXPECT_EQ(json::parse(file("pool.json")), good) << path << value;
  }
}

TEST_F(Agents, NeverTakeAnotherRegionsWorkers) {
  Agent two = agent([this](const HttpRequest& request, std::chrono::milliseconds) {
    json body = json::parse(request.body);
    body["node"]["locality"]["region"] = "r1";
    const Response response = ask("POST", request.target, body.dump());
    return base::Result<HttpReply>(HttpReply{response.status, response.body});
  });
  two.pull();
  EXPECT_FALSE(read_small_file(folder_.path() / "files/pool_local.json").ok());
}

TEST(Files, AreReplacedWhole) {
  const test_support::TemporaryFolder folder;
  const auto path = folder.path() / "a";
  ASSERT_TRUE(replace_file(path, "one").ok());
  ASSERT_TRUE(replace_file(path, "two").ok());
  EXPECT_EQ(*read_small_file(path), "two");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
  EXPECT_FALSE(replace_file(folder.path() / "none/a", "x").ok());
  EXPECT_EQ(read_small_file(folder.path() / "b").status().code(), base::StatusCode::kNotFound);
}

}  // namespace
}  // namespace zoetrope::traffic::control
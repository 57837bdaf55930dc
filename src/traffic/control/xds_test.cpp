// Tables as gateways get them: documents, the discovery service, the rest of the HTTP API, agents.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "support/temporary_folder.h"
#include "traffic/control/agent.h"
#include "traffic/control/api.h"
#include "traffic/control/discovery_request.h"
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

Publication publication() {
  Publication made;
  made.version = 7;
  for (int r = 0; r < 4; ++r) {
    const std::string host = fmt::format("10.0.0.{}", r + 1);
    PublishedRegion& region = made.regions.emplace_back();
    region.name = fmt::format("r{}", r);
    region.import = {host, 81};
    region.endpoints = {{host, 1000}, {host, 1001}};
  }
  made.regions[0].near = {1, 2, 3};
  made.table = policy::home_table(4);
  made.table.weight.at(0, 0) = 9000;
  made.table.weight.at(0, 2) = 1000;
  made.table.drop[0] = 25'000;
  made.runtime["smear.job.percent"] = 20;
  return made;
}

json document(const Publication& from, int region, std::string_view resource) {
  const auto text = discovery_response(from, region, resource);
  EXPECT_TRUE(text) << resource;
  return json::parse(text.value_or("{}"));
}

TEST(XdsDocuments, ThePoolHasWorkersRowAndFallbacks) {
  const json response = document(publication(), 0, kPoolResource);
  EXPECT_EQ(response["version_info"], "7");
  EXPECT_EQ(response["type_url"], kEndpointType);
  ASSERT_EQ(response["resources"].size(), 1);
  const json& pool = response["resources"][0];
  EXPECT_EQ(pool["@type"], kEndpointType);
  EXPECT_EQ(pool["cluster_name"], kPoolResource);
  EXPECT_EQ(pool["policy"]["overprovisioning_factor"], 100);
  EXPECT_EQ(pool["policy"]["drop_overloads"].size(), 1);  // Envoy refuses a second
  EXPECT_EQ(pool["policy"]["drop_overloads"][0]["drop_percentage"],
            json({{"numerator", 25000}, {"denominator", "MILLION"}}));
  // r0's workers and r2's importer by weight; r1 and r3, near and not in the row, for when all
  // else is down.
  std::vector<std::tuple<std::string, int, int, size_t>> seen;
  for (const json& locality : pool["endpoints"]) {
    EXPECT_EQ(locality["locality"]["region"], locality["locality"]["zone"]);
    seen.emplace_back(locality["locality"]["region"], locality["priority"],
                      locality["load_balancing_weight"], locality["lb_endpoints"].size());
  }
  EXPECT_THAT(seen, ElementsAre(std::tuple("r0", 0, 9000, 2), std::tuple("r2", 0, 1000, 1),
                                std::tuple("r1", 1, 1, 1), std::tuple("r3", 1, 1, 1)));
  const json& import = pool["endpoints"][1]["lb_endpoints"][0]["endpoint"]["address"];
  EXPECT_EQ(import["socket_address"], json({{"address", "10.0.0.3"}, {"port_value", 81}}));
}

TEST(XdsDocuments, TheLocalPoolHasWorkersAlone) {
  const json response = document(publication(), 1, kLocalPoolResource);
  const json& endpoints = response["resources"][0]["endpoints"];
  ASSERT_EQ(endpoints.size(), 1);
  EXPECT_EQ(endpoints[0]["locality"]["region"], "r1");
  EXPECT_EQ(endpoints[0]["lb_endpoints"].size(), 2);
  EXPECT_FALSE(response["resources"][0]["policy"].contains("drop_overloads"));
}

TEST(XdsDocuments, TheRuntimeHasItsKeys) {
  const json response = document(publication(), 2, kRuntimeResource);
  EXPECT_EQ(response["resources"][0]["name"], kRuntimeResource);
  EXPECT_EQ(response["resources"][0]["layer"], json({{"smear.job.percent", 20}}));
  EXPECT_FALSE(discovery_response(publication(), 2, "something/else"));
}

// A region that sends everything away has no locality of its own in the row: Envoy refuses a weight
// of 0.
TEST(XdsDocuments, NoWeightIsZero) {
  Publication evacuated = publication();
  evacuated.table.weight.at(0, 0) = 0;
  evacuated.table.weight.at(0, 2) = policy::kWeightSum;
  const json response = document(evacuated, 0, kPoolResource);
  for (const json& locality : response["resources"][0]["endpoints"]) {
    EXPECT_GT(locality["load_balancing_weight"], 0);
    EXPECT_FALSE(locality["lb_endpoints"].empty());
    EXPECT_NE(locality["locality"]["region"], "r0");
  }
}

TEST(Publication, SurvivesItsJson) {
  const Publication before = publication();
  const auto after = parse_publication(to_json(before), "p");
  ASSERT_TRUE(after.ok()) << after.status().message();
  EXPECT_TRUE(after->says_the_same(before));
  EXPECT_EQ(after->version, before.version);
}

TEST(Publication, RefusesEverythingThatIsNone) {
  const json good = json::parse(to_json(publication()));
  const std::vector<std::pair<const char*, json>> patches = {
      {"/version", 0},
      {"/version", -3},
      {"/version", "7"},
      {"/version", 1.5},
      {"/version", nullptr},
      {"/version", 18446744073709551615u},
      {"/regions", json::array()},
      {"/regions", 3},
      {"/regions/0/name", 3},
      {"/regions/1/name", "r0"},
      {"/regions/0/import", "nowhere"},
      {"/regions/0/import", "host:80"},
      {"/regions/0/endpoints", {1}},
      {"/regions/0/endpoints", {"10.0.0.1:70000"}},
      {"/regions/0/near", {9}},
      {"/regions/0/near", {-1}},
      {"/regions/0/row", json::array()},
      {"/regions/0/row/0", {0, 8999}},
      {"/regions/0/row/0", {0, -9000}},
      {"/regions/0/row/0", {9, 9000}},
      {"/regions/0/row/0", {0}},
      {"/regions/0/row/0/1", 9000.5},
      {"/regions/0/drop", 1000001},
      {"/regions/0/drop", -1},
      {"/runtime", json::array()},
      {"/runtime/smear.job.percent", "x"},
  };
  for (const auto& [path, value] : patches) {
    json bad = good;
    bad[json::json_pointer(path)] = value;
    const auto read = parse_publication(bad.dump(), "table.json");
    EXPECT_FALSE(read.ok()) << path << " = " << value;
    EXPECT_THAT(read.status().message(), HasSubstr("table.json: ")) << path;
  }
}

// The body of a discovery request, as Envoy sends it.
json request(const std::string& region, std::string_view resource, const std::string& version) {
  return {{"version_info", version},
          {"node",
           {{"id", "gw-0"},
            {"cluster", "animate-gw"},
            {"locality", {{"region", region}, {"zone", region}}},
            {"extensions", json::array({json{{"name", "envoy.x"}}})}}},
          {"resource_names", {resource}},
          {"type_url", kEndpointType}};
}

Snapshot snapshot() {
  Snapshot made;
  made.publication = publication();
  return made;
}

TEST(Discovery, AnswersEachNodeItsOwnTable) {
  for (const char* region : {"r0", "r1", "r2", "r3"}) {
    const Response response =
        answer_discovery("endpoints", request(region, kLocalPoolResource, "").dump(), snapshot());
    ASSERT_EQ(response.status, 200);
    const json body = json::parse(response.body);
    EXPECT_EQ(body["resources"][0]["endpoints"][0]["locality"]["region"], region);
  }
}

TEST(Discovery, NotModifiedIfAndOnlyIfTheVersionIsTheSame) {
  for (const char* version : {"", "6", "8", "07", "7 ", "x"}) {
    EXPECT_EQ(
        answer_discovery("endpoints", request("r0", kPoolResource, version).dump(), snapshot())
            .status,
        200)
        << version;
  }
  const Response same =
      answer_discovery("endpoints", request("r0", kPoolResource, "7").dump(), snapshot());
  EXPECT_EQ(same.status, 304);
  EXPECT_TRUE(same.body.empty());
  EXPECT_EQ(
      answer_discovery("runtime", request("r0", kRuntimeResource, "7").dump(), snapshot()).status,
      304);
}

TEST(Discovery, UnknownNodesAndResourcesGetNobodysTable) {
  for (const char* region : {"r9", "R0", "r0 ", "r", "r00"}) {
    const Response response =
        answer_discovery("endpoints", request(region, kPoolResource, "").dump(), snapshot());
    EXPECT_EQ(response.status, 404) << region;
    EXPECT_THAT(response.body, Not(HasSubstr("lb_endpoints"))) << region;
  }
  EXPECT_EQ(answer_discovery("endpoints", request("r0", "other", "").dump(), snapshot()).status,
            404);
  EXPECT_EQ(answer_discovery("runtime", request("r0", kPoolResource, "").dump(), snapshot()).status,
            404);
  EXPECT_EQ(
      answer_discovery("endpoints", request("r0", kRuntimeResource, "").dump(), snapshot()).status,
      404);
}

TEST(Discovery, BadRequestsAreRefused) {
  for (const char* body :
       {"", "{", "[]", "null", "{}", R"({"node":{}})", R"({"node":{"locality":{}}})",
        R"({"node":{"locality":{"region":3}},"resource_names":["animate/pool"]})",
        R"({"node":{"locality":{"region":""}},"resource_names":["animate/pool"]})",
        R"({"node":{"locality":{"region":"r0"}}})",
        R"({"node":{"locality":{"region":"r0"}},"resource_names":[]})",
        R"({"node":{"locality":{"region":"r0"}},"resource_names":[3]})",
        R"({"node":{"locality":{"region":"r0"}},"resource_names":["a","b"]})",
        R"({"node":{"locality":{"region":"r0"}},"resource_names":["a"],"version_info":3})"}) {
    EXPECT_EQ(answer_discovery("endpoints", body, snapshot()).status, 400) << body;
  }
}

TEST(Discovery, BothSpellingsOfJsonAreUnderstood) {
  const auto parsed = parse_discovery_request(
      R"({"versionInfo":"5","node":{"id":"a","locality":{"region":"r1"}},"resourceNames":["x"]})");
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  EXPECT_EQ(parsed->version, "5");
  EXPECT_EQ(parsed->region, "r1");
  EXPECT_THAT(parsed->resources, ElementsAre("x"));
}

TEST(Discovery, BeforeTheFirstTableThereIsNone) {
  EXPECT_EQ(
      answer_discovery("endpoints", request("r0", kPoolResource, "").dump(), Snapshot()).status,
      503);
}

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

// Tables as gateways get them: documents, publications, the discovery service.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "traffic/control/api.h"
#include "traffic/control/discovery_request.h"
#include "traffic/control/discovery_test_request.h"
#include "traffic/control/manager.h"
#include "traffic/control/xds_documents.h"

namespace zoetrope::traffic::control {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::request;

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

}  // namespace
}  // namespace zoetrope::traffic::control

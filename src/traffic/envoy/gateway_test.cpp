#include "traffic/envoy/gateway.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "support/temporary_folder.h"
#include "traffic/envoy/names.h"

namespace zoetrope::traffic::envoy {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Gateway gateway() {
  Gateway gateway;
  gateway.region = "use1";
  gateway.id = "gw-use1-0";
  gateway.ingress = {"127.0.0.1", 18001};
  gateway.import = {"127.0.0.1", 18101};
  gateway.admin = {"127.0.0.1", 19001};
  gateway.folder = "/var/lib/zoetrope/use1";
  return gateway;
}

json parsed(const Gateway& gateway) { return json::parse(bootstrap(gateway).value_or_throw()); }

json::json_pointer route(int listener) {
  return json::json_pointer("/static_resources/listeners/" + std::to_string(listener) +
                            "/filter_chains/0/filters/0/typed_config/route_config/virtual_hosts/0"
                            "/routes/0/route");
}

TEST(GatewayTest, ImportsGoToTheOwnWorkersOnly) {
  const json all = parsed(gateway());
  EXPECT_EQ(all[route(0)]["cluster"], "pool");
  EXPECT_EQ(all[route(1)]["cluster"], "pool_local");
  const json& clusters = all["static_resources"]["clusters"];
  ASSERT_EQ(clusters.size(), 2);
  EXPECT_EQ(clusters[0]["eds_cluster_config"]["service_name"], kPoolResource);
  EXPECT_EQ(clusters[1]["eds_cluster_config"]["service_name"], kLocalPoolResource);
  EXPECT_EQ(all["node"]["locality"], json({{"region", "use1"}, {"zone", "use1"}}));
}

// What Envoy would do by default and must not, each found out by running it.
TEST(GatewayTest, SaysWhatEnvoysDefaultsGetWrong) {
  const json all = parsed(gateway());
  for (const json& cluster : all["static_resources"]["clusters"]) {
    EXPECT_EQ(cluster["common_lb_config"]["healthy_panic_threshold"]["value"], 0);
    EXPECT_EQ(cluster["outlier_detection"]["split_external_local_origin_errors"], false);
    EXPECT_EQ(cluster["outlier_detection"]["max_ejection_percent"], 100);
    const json& threshold = cluster["circuit_breakers"]["thresholds"][0];
    EXPECT_EQ(threshold["retry_budget"]["budget_interval"], "10s");
    EXPECT_EQ(threshold["max_requests"], 20'000);
    EXPECT_FALSE(cluster["common_lb_config"].contains("locality_weighted_lb_config"));
  }
  for (const int listener : {0, 1}) {
    const json& action = all[route(listener)];
    EXPECT_EQ(action["timeout"], "0s") << "it would cut long clips";
    EXPECT_EQ(action["max_stream_duration"]["max_stream_duration"], "900s");
    EXPECT_EQ(action["retry_policy"]["retriable_status_codes"], json::array({429}));
    EXPECT_EQ(action["retry_policy"]["retry_back_off"]["max_interval"], "4s");
  }
}

TEST(GatewayTest, RetriesAreTunable) {
  Gateway naive = gateway();
  naive.retries.count = 3;
  naive.retries.base_interval = std::chrono::milliseconds(1);
  naive.retries.max_interval = std::chrono::milliseconds(1);
  const json policy = parsed(naive)[route(0)]["retry_policy"];
  EXPECT_EQ(policy["num_retries"], 3);
  EXPECT_EQ(policy["retry_back_off"]["base_interval"], "0.001s");
  EXPECT_EQ(parsed(naive)[route(1)]["retry_policy"]["num_retries"], 2);
}

TEST(GatewayTest, OnlySubmittersMaySteer) {
  Gateway options = gateway();
  EXPECT_THAT(bootstrap(options).value_or_throw(), Not(HasSubstr("header_delay")));
  EXPECT_THAT(bootstrap(options).value_or_throw(), HasSubstr("x-envoy-fault-delay-request"));
  options.callers = Callers::kSubmitters;
  EXPECT_THAT(bootstrap(options).value_or_throw(), HasSubstr("header_delay"));
  EXPECT_THAT(bootstrap(options).value_or_throw(), Not(HasSubstr("x-envoy-fault-delay-request")));
}

TEST(GatewayTest, NamesTheFieldAtFault) {
  const auto refused = [](const std::function<void(Gateway&)>& spoil) {
    Gateway bad = gateway();
    spoil(bad);
    return bootstrap(bad).status().message();
  };
  EXPECT_THAT(refused([](Gateway& g) { g.region = "us.east"; }), StartsWith("region:"));
  EXPECT_THAT(refused([](Gateway& g) { g.ingress.host = "gateway"; }),
              StartsWith("ingress: 'gateway' is no IP address"));
  EXPECT_THAT(refused([](Gateway& g) { g.import.port = 0; }), StartsWith("import: needs a port"));
  EXPECT_THAT(refused([](Gateway& g) { g.folder = "tables"; }), StartsWith("folder:"));
  EXPECT_THAT(refused([](Gateway& g) { g.tables = TableSource::kRest; }), StartsWith("manager:"));
  EXPECT_THAT(refused([](Gateway& g) { g.retries.max_interval = {}; }), StartsWith("retries:"));
  EXPECT_THAT(refused([](Gateway& g) { g.import_retries.count = -1; }),
              StartsWith("import retries:"));
  EXPECT_THAT(refused([](Gateway& g) { g.budget.percent = 0; }), StartsWith("retry budget:"));
}

// What the agent leaves: with files that are not there Envoy refuses to start.
void write_tables(const std::filesystem::path& folder) {
  const auto write = [&](std::string_view file, const json& resource) {
    std::ofstream(folder / file) << json(
        {{"version_info", "1"}, {"resources", json::array({resource})}});
  };
  const json endpoint = {
      {"endpoint",
       {{"address", {{"socket_address", {{"address", "127.0.0.1"}, {"port_value", 21001}}}}}}}};
  const json locality = {{"locality", {{"region", "use1"}, {"zone", "use1"}}},
                         {"load_balancing_weight", 10'000},
                         {"lb_endpoints", json::array({endpoint})}};
  const auto pool = [&](std::string_view name) {
    return json{{"@type", "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"},
                {"cluster_name", name},
                {"endpoints", json::array({locality})}};
  };
  write(kPoolFile, pool(kPoolResource));
  write(kLocalPoolFile, pool(kLocalPoolResource));
  write(kRuntimeFile, {{"@type", "type.googleapis.com/envoy.service.runtime.v3.Runtime"},
                       {"name", kRuntimeResource},
                       {"layer", json::object()}});
}

class EnvoyTest : public testing::Test {
 protected:
  void SetUp() override {
    if (access(ZOETROPE_ENVOY, X_OK) != 0) {
      GTEST_SKIP() << ZOETROPE_ENVOY << " is not there: run ./test once, it installs it";
    }
    write_tables(folder.path());
    options = gateway();
    options.folder = folder.path().string();
  }

  // What `envoy --mode validate` says, its exit code at the end.
  std::string validated(const Gateway& gateway) {
    const std::filesystem::path file = folder.path() / "bootstrap.json";
    std::ofstream(file) << bootstrap(gateway).value_or_throw();
    return run(file);
  }
  std::string run(const std::filesystem::path& file) {
    const std::string command =
        std::string(ZOETROPE_ENVOY) + " --mode validate -l warning -c '" + file.string() + "' 2>&1";
    std::FILE* pipe = popen(command.c_str(), "r");
    std::string said;
    char buffer[4096];
    while (const size_t count = std::fread(buffer, 1, sizeof(buffer), pipe)) {
      said.append(buffer, count);
    }
    const int status = pclose(pipe);
    return said + "\nexit " + std::to_string(WEXITSTATUS(status));
  }
  static void expect_fine(const std::string& said) {
    EXPECT_THAT(said, HasSubstr("exit 0"));
    EXPECT_THAT(said, Not(HasSubstr("[warning]")));
    EXPECT_THAT(said, Not(HasSubstr("eprecated")));
  }

  test_support::TemporaryFolder folder;
  Gateway options;
};

TEST_F(EnvoyTest, TakesTablesFromFiles) {
  expect_fine(validated(options));
  options.callers = Callers::kSubmitters;
  expect_fine(validated(options));
}

TEST_F(EnvoyTest, TakesTablesFromTheManager) {
  options.tables = TableSource::kRest;
  options.manager = {"127.0.0.1", 17000};
  expect_fine(validated(options));
  options.manager.host = "manager";
  options.ingress.host = "::1";
  options.callers = Callers::kSubmitters;
  expect_fine(validated(options));
}

TEST_F(EnvoyTest, TakesTheEndsOfEveryRange) {
  options.retries = {0, std::chrono::milliseconds(1), std::chrono::milliseconds(1),
                     std::chrono::milliseconds(1)};
  options.import_retries.count = 100;
  options.budget = {100, 0, std::chrono::milliseconds(0)};
  options.longest_stream = std::chrono::hours(24);
  expect_fine(validated(options));
}

TEST_F(EnvoyTest, RefusesWhatItDoesNotKnow) {
  json broken = parsed(options);
  broken["static_resources"]["clusters"][0]["outlier_detection"]["consecutive_6xx"] = 1;
  const std::filesystem::path file = folder.path() / "broken.json";
  std::ofstream(file) << broken;
  EXPECT_THAT(run(file), HasSubstr("exit 1")) << "or the other tests could not fail";
}

}  // namespace
}  // namespace zoetrope::traffic::envoy

#include "traffic/control/agent.h"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "traffic/control/files.h"
#include "traffic/control/xds_documents.h"

namespace zoetrope::traffic::control {
namespace {

using base::Result;
using base::Status;
using nlohmann::json;

constexpr base::JsonLimits kLimits{
    .max_bytes = size_t{64} << 20, .max_depth = 16, .max_values = 10'000'000};

const json& at(const json& object, const char* name) {
  static const json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(name);
  return found == object.end() ? kNull : *found;
}

// Versions are whole numbers that rise.
int64_t number_of(const std::string& version) {
  int64_t number = -1;
  const auto [end, error] =
      std::from_chars(version.data(), version.data() + version.size(), number);
  return error == std::errc() && end == version.data() + version.size() ? number : -1;
}

// What is wrong with the localities of a pool, or nothing.
std::string pool_problem(const json& localities, std::string_view resource,
                         std::string_view region) {
  if (!localities.is_array() || localities.empty()) return "endpoints: none";
  int64_t sum = 0;
  for (const json& locality : localities) {
    const json& endpoints = at(locality, "lb_endpoints");
    if (!endpoints.is_array() || endpoints.empty()) return "lb_endpoints: none";
    const json& weight = at(locality, "load_balancing_weight");
    if (!weight.is_number_integer()) return "load_balancing_weight: is missing";
    if (at(locality, "priority") == 0) sum += weight.get<int64_t>();
    if (resource == kLocalPoolResource && at(at(locality, "locality"), "region") != region) {
      return "another region's workers";
    }
  }
  if (resource == kPoolResource && sum != policy::kWeightSum) {
    return fmt::format("the weights sum to {}, not {}", sum, policy::kWeightSum);
  }
  return {};
}

}  // namespace

Result<std::string> check_document(std::string_view text, std::string_view resource,
                                   std::string_view region) {
  ZT_ASSIGN_OR_RETURN(const json document, base::parse_json(text, "table", kLimits));
  const json& version = at(document, "version_info");
  const json& resources = at(document, "resources");
  if (!version.is_string() || number_of(version.get<std::string>()) < 1) {
    return base::data_loss("table: version_info: not a version");
  }
  if (!resources.is_array() || resources.size() != 1) {
    return base::data_loss("table: resources: not one");
  }
  const json& body = resources.front();
  const bool runtime = resource == kRuntimeResource;
  if (at(body, runtime ? "name" : "cluster_name") != resource) {
    return base::data_loss("table: is of another name");
  }
  if (!runtime) {
    const std::string problem = pool_problem(at(body, "endpoints"), resource, region);
    if (!problem.empty()) return base::data_loss("table: " + problem);
  }
  return version.get<std::string>();
}

Agent::Agent(AgentOptions options, Ask ask) : options_(std::move(options)), ask_(std::move(ask)) {
  files_ = {{envoy::kPoolFile, "endpoints", kPoolResource, {}},
            {envoy::kLocalPoolFile, "endpoints", kLocalPoolResource, {}},
            {envoy::kRuntimeFile, "runtime", kRuntimeResource, {}}};
}

Result<Agent> Agent::make(AgentOptions options, Ask ask) {
  std::error_code error;
  std::filesystem::create_directories(options.folder, error);
  if (error) {
    return base::unavailable(
        fmt::format("{}: cannot be made: {}", options.folder.string(), error.message()));
  }
  Agent agent(std::move(options), std::move(ask));
  for (File& file : agent.files_) {
    const auto text = read_small_file(agent.options_.folder / file.name);
    if (!text.ok()) continue;
    // A broken file is simply replaced.
    const auto version = check_document(*text, file.resource, agent.options_.region);
    if (version.ok()) file.version = *version;
  }
  return agent;
}

AgentRound Agent::pull() {
  AgentRound round;
  for (File& file : files_) {
    Status pulled = pull_one(file, round);
    if (!pulled.ok() && round.problem.ok()) round.problem = std::move(pulled);
  }
  return round;
}

Result<HttpReply> Agent::ask_managers(const std::string& target, const std::string& body) {
  Result<HttpReply> reply = base::unavailable("no manager");
  for (size_t i = 0; i < options_.managers.size(); ++i) {
    const Address& manager = options_.managers[manager_ % options_.managers.size()];
    reply = ask_({manager, target, body}, options_.patience);
    if (reply.ok() && (reply->status == 200 || reply->status == 304)) return reply;
    if (reply.ok()) {
      reply = base::unavailable(fmt::format("{}: answered {}", to_string(manager), reply->status));
    }
    ++manager_;
  }
  return reply;
}

Status Agent::pull_one(File& file, AgentRound& round) {
  const json request = {
      {"version_info", file.version},
      {"node", {{"id", "agent-" + options_.region}, {"locality", {{"region", options_.region}}}}},
      {"resource_names", {file.resource}}};
  ZT_ASSIGN_OR_RETURN(const HttpReply reply,
                      ask_managers(fmt::format("/v3/discovery:{}", file.type), request.dump()));
  if (reply.status == 304) return {};
  ZT_ASSIGN_OR_RETURN(const std::string version,
                      check_document(reply.body, file.resource, options_.region));
  if (!file.version.empty() && number_of(version) < number_of(file.version)) {
    return base::failed_precondition(fmt::format(
        "{}: the manager has version {}, older than {} here", file.name, version, file.version));
  }
  ZT_RETURN_IF_ERROR(replace_file(options_.folder / file.name, reply.body));
  file.version = version;
  round.written.emplace_back(file.name);
  return {};
}

}  // namespace zoetrope::traffic::control

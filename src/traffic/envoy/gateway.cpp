#include "traffic/envoy/gateway.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/in_quotes.h"
#include "traffic/envoy/fragments.h"
#include "traffic/envoy/names.h"

namespace zoetrope::traffic::envoy {
namespace {

using base::invalid_argument;
using base::Status;

bool is_ip(const std::string& host) {
  unsigned char bytes[sizeof(in6_addr)];
  return inet_pton(AF_INET, host.c_str(), bytes) == 1 ||
         inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

Status check_listener(const char* field, const SocketAddress& address) {
  if (!is_ip(address.host)) {
    return invalid_argument(
        fmt::format("{}: {} is no IP address to listen on", field, base::in_quotes(address.host)));
  }
  if (address.port == 0) return invalid_argument(fmt::format("{}: needs a port", field));
  return {};
}

Status check_retries(const char* field, const Retries& retries) {
  using std::chrono::milliseconds;
  if (retries.count < 0 || retries.count > 100) {
    return invalid_argument(fmt::format("{}: must be from 0 to 100", field));
  }
  if (retries.base_interval < milliseconds(1) || retries.max_interval < retries.base_interval) {
    return invalid_argument(
        fmt::format("{}: the longest interval is below the first, or that below 1 ms", field));
  }
  if (retries.per_try_timeout <= milliseconds(0)) {
    return invalid_argument(fmt::format("{}: the timeout of a try must be above 0", field));
  }
  return {};
}

Status check(const Gateway& gateway) {
  if (gateway.region.empty() || gateway.region.find('.') != std::string::npos) {
    return invalid_argument("region: is empty or has a dot");
  }
  ZT_RETURN_IF_ERROR(check_listener("ingress", gateway.ingress));
  ZT_RETURN_IF_ERROR(check_listener("import", gateway.import));
  ZT_RETURN_IF_ERROR(check_listener("admin", gateway.admin));
  ZT_RETURN_IF_ERROR(check_retries("retries", gateway.retries));
  ZT_RETURN_IF_ERROR(check_retries("import retries", gateway.import_retries));
  const RetryBudget& budget = gateway.budget;
  if (!(budget.percent > 0 && budget.percent <= 100) || budget.min_concurrency < 0 ||
      budget.interval < std::chrono::milliseconds(0)) {
    return invalid_argument("retry budget: must be above 0 and up to 100 %");
  }
  if (gateway.tables == TableSource::kFiles) {
    if (!gateway.folder.starts_with('/')) {
      return invalid_argument("folder: must be an absolute path");
    }
  } else if (gateway.manager.host.empty() || gateway.manager.port == 0) {
    return invalid_argument("manager: needs HOST:PORT");
  }
  return {};
}

// Without these the regions would stand in the *names* of the zone counters.
Json region_tags() {
  return {{"stats_tags",
           Json::array(
               {{{"tag_name", "from_region"}, {"regex", R"(^cluster\.[^.]+\.zone\.(([^.]+)\.))"}},
                {{"tag_name", "to_region"},
                 {"regex", R"(^cluster\.[^.]+\.zone\.[^.]+\.(([^.]+)\.))"}}})}};
}

Json layered_runtime(const Gateway& gateway) {
  const Json off = {{"fault.http.delay.fixed_delay_percent", 0},
                    {"fault.http.delay.fixed_duration_ms", 500}};
  const Json tables = {{"name", kRuntimeResource},
                       {"rtds_config", config_source(gateway, kRuntimeFile)}};
  return {{"layers", Json::array({{{"name", "static"}, {"static_layer", off}},
                                  {{"name", "manager"}, {"rtds_layer", tables}},
                                  {{"name", "admin"}, {"admin_layer", Json::object()}}})}};
}

Json overload_manager(const Gateway& gateway) {
  const Json monitor = {
      {"name", "envoy.resource_monitors.global_downstream_max_connections"},
      {"typed_config",
       typed("extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
             {{"max_active_downstream_connections", gateway.most_downstream}})}};
  return {{"resource_monitors", Json::array({monitor})}};
}

}  // namespace

std::string duration(std::chrono::milliseconds time) {
  return fmt::format("{:g}s", static_cast<double>(time.count()) / 1000);
}

Json typed(const std::string& type) { return {{"@type", "type.googleapis.com/envoy." + type}}; }

Json typed(const std::string& type, const Json& fields) {
  Json result = typed(type);
  result.update(fields);
  return result;
}

Json socket_address(const SocketAddress& address) {
  return {{"socket_address", {{"address", address.host}, {"port_value", address.port}}}};
}

Json config_source(const Gateway& gateway, std::string_view file) {
  Json source = {{"resource_api_version", "V3"}};
  if (gateway.tables == TableSource::kFiles) {
    source["path_config_source"] = {{"path", fmt::format("{}/{}", gateway.folder, file)},
                                    {"watched_directory", {{"path", gateway.folder}}}};
    return source;
  }
  // Without an answer in this time the gateway starts without the resource.
  source["initial_fetch_timeout"] = file == kRuntimeFile ? "2s" : "5s";
  source["api_config_source"] = {{"api_type", "REST"},
                                 {"transport_api_version", "V3"},
                                 {"cluster_names", Json::array({"manager"})},
                                 {"refresh_delay", "1s"},
                                 {"request_timeout", "1s"}};
  return source;
}

base::Result<std::string> bootstrap(const Gateway& gateway) {
  ZT_RETURN_IF_ERROR(check(gateway));
  const Json all = {
      {"node",
       {{"id", gateway.id},
        {"cluster", "zoetrope-gateway"},
        {"locality", {{"region", gateway.region}, {"zone", gateway.region}}}}},
      {"admin", {{"address", socket_address(gateway.admin)}}},
      {"stats_config", region_tags()},
      {"layered_runtime", layered_runtime(gateway)},
      {"overload_manager", overload_manager(gateway)},
      {"static_resources",
       {{"listeners", Json::array({ingress_listener(gateway), import_listener(gateway)})},
        {"clusters", clusters(gateway)}}}};
  return all.dump(1) + "\n";
}

}  // namespace zoetrope::traffic::envoy

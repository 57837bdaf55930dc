#include <nlohmann/json.hpp>

#include "traffic/envoy/fragments.h"
#include "traffic/envoy/names.h"

namespace zoetrope::traffic::envoy {
namespace {

// FULL_SCAN asks the worker with the fewest requests under way, of all of them: with one request a
// worker that is a free one, if there is one. The weights of localities are the routing table.
Json load_balancing() {
  const Json policy =
      typed("extensions.load_balancing_policies.least_request.v3.LeastRequest",
            {{"selection_method", "FULL_SCAN"},
             {"locality_lb_config", {{"locality_weighted_lb_config", Json::object()}}}});
  const Json extension = {{"name", "envoy.load_balancing_policies.least_request"},
                          {"typed_config", policy}};
  return {{"policies", Json::array({{{"typed_extension_config", extension}}})}};
}

// Limits beyond what can happen: at a limit requests would wait, and "no queue" is the worker's to
// keep. What bounds load is the retry budget.
Json circuit_breakers(const Gateway& gateway) {
  const RetryBudget& budget = gateway.budget;
  const Json threshold = {{"priority", "DEFAULT"},
                          {"max_connections", gateway.most_upstream},
                          {"max_pending_requests", gateway.most_upstream},
                          {"max_requests", gateway.most_upstream},
                          {"track_remaining", true},
                          {"retry_budget",
                           {{"budget_percent", {{"value", budget.percent}}},
                            {"min_retry_concurrency", budget.min_concurrency},
                            {"budget_interval", duration(budget.interval)}}}};
  return {{"thresholds", Json::array({threshold})}};
}

// 429 counts for nothing here: busy is not ill. Errors of our own side and of the worker's are
// counted together: apart, a worker that takes connections and never answers was not found out.
Json outlier_detection() {
  return {{"split_external_local_origin_errors", false},
          {"consecutive_5xx", 5},
          {"enforcing_consecutive_5xx", 100},
          {"consecutive_gateway_failure", 3},
          {"enforcing_consecutive_gateway_failure", 100},
          {"enforcing_success_rate", 0},
          {"interval", "1s"},
          {"base_ejection_time", "5s"},
          {"max_ejection_time", "60s"},
          {"max_ejection_time_jitter", "2s"},
          {"max_ejection_percent", 100}};
}

Json pool(const Gateway& gateway, const char* name, std::string_view resource,
          std::string_view file) {
  return {{"name", name},
          {"type", "EDS"},
          {"connect_timeout", "0.25s"},
          {"eds_cluster_config",
           {{"service_name", resource}, {"eds_config", config_source(gateway, file)}}},
          {"load_balancing_policy", load_balancing()},
          {"common_lb_config",
           {{"healthy_panic_threshold", {{"value", 0}}}, {"update_merge_window", "0s"}}},
          {"circuit_breakers", circuit_breakers(gateway)},
          {"outlier_detection", outlier_detection()}};
}

// A name is looked up again and again; an address is what it is, and STRICT_DNS takes it as well.
Json manager(const Gateway& gateway) {
  const Json endpoint = {{"endpoint", {{"address", socket_address(gateway.manager)}}}};
  return {{"name", "manager"},
          {"type", "STRICT_DNS"},
          {"connect_timeout", "0.5s"},
          {"load_assignment",
           {{"cluster_name", "manager"},
            {"endpoints", Json::array({{{"lb_endpoints", Json::array({endpoint})}}})}}}};
}

}  // namespace

Json clusters(const Gateway& gateway) {
  Json all = Json::array({pool(gateway, "pool", kPoolResource, kPoolFile),
                          pool(gateway, "pool_local", kLocalPoolResource, kLocalPoolFile)});
  if (gateway.tables == TableSource::kRest) all.push_back(manager(gateway));
  return all;
}

}  // namespace zoetrope::traffic::envoy

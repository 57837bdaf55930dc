#include <nlohmann/json.hpp>

#include "traffic/envoy/fragments.h"

namespace zoetrope::traffic::envoy {
namespace {

Json retry_policy(const Retries& retries) {
  return {
      {"retry_on", "retriable-status-codes,connect-failure,refused-stream,gateway-error"},
      {"retriable_status_codes", {429}},
      {"num_retries", retries.count},
      {"per_try_timeout", duration(retries.per_try_timeout)},
      {"retry_back_off",
       {{"base_interval", duration(retries.base_interval)},
        {"max_interval", duration(retries.max_interval)}}},
      {"retry_host_predicate",
       Json::array({{{"name", "envoy.retry_host_predicates.previous_hosts"},
                     {"typed_config",
                      typed("extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate")}}})},
      {"host_selection_retry_max_attempts", "5"}};
}

// The route's own timeout would count until the last byte of a clip: it is off, the cap is
// max_stream_duration.
Json route_config(const Gateway& gateway, const char* name, const char* cluster,
                  const Retries& retries) {
  const Json action = {
      {"cluster", cluster},
      {"timeout", "0s"},
      {"max_stream_duration", {{"max_stream_duration", duration(gateway.longest_stream)}}},
      {"retry_policy", retry_policy(retries)}};
  const Json route = {{"match", {{"prefix", "/"}}},
                      {"request_body_buffer_limit", std::to_string(gateway.body_limit_bytes)},
                      {"route", action}};
  const Json host = {{"name", name},
                     {"domains", Json::array({"*"})},
                     {"include_request_attempt_count", true},
                     {"routes", Json::array({route})}};
  return {{"name", name}, {"virtual_hosts", Json::array({host})}};
}

Json router() {
  return {{"name", "envoy.filters.http.router"},
          {"typed_config", typed("extensions.filters.http.router.v3.Router")}};
}

constexpr const char* kFault = "extensions.filters.http.fault.v3.HTTPFault";

Json percent(int numerator) { return {{"numerator", numerator}, {"denominator", "HUNDRED"}}; }

// Delays a share of the requests: off until the runtime says fault.http.delay.fixed_delay_percent
// and fixed_duration_ms.
Json smear() {
  return {{"name", "envoy.filters.http.fault"},
          {"typed_config",
           typed(kFault, {{"max_active_faults", 4096},
                          {"delay", {{"fixed_delay", "0.5s"}, {"percentage", percent(0)}}}})}};
}

// Delays each job as its submitter asks. Under the keys of the other filter its percentage of 0
// would hold here too.
Json job_smear() {
  return {
      {"name", "job-smear"},
      {"typed_config",
       typed(kFault, {{"max_active_faults", 4096},
                      {"delay", {{"header_delay", Json::object()}, {"percentage", percent(100)}}},
                      {"delay_percent_runtime", "smear.job.percent"},
                      {"delay_duration_runtime", "smear.job.ms"}})}};
}

// Before any filter or route sees them.
Json without_steering_headers() {
  Json removed = Json::array();
  for (const char* header :
       {"x-envoy-fault-delay-request", "x-envoy-fault-delay-request-percentage",
        "x-envoy-max-retries", "x-envoy-retry-on", "x-envoy-retriable-status-codes",
        "x-envoy-upstream-rq-timeout-ms", "x-envoy-upstream-rq-per-try-timeout-ms"}) {
    removed.push_back({{"remove", header}});
  }
  return Json::array(
      {{{"name", "without-steering-headers"},
        {"typed_config",
         typed("extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
               {{"mutations", removed}})}}});
}

Json listener(const char* name, const SocketAddress& address, Json manager) {
  const Json filter = {{"name", "envoy.filters.network.http_connection_manager"},
                       {"typed_config", std::move(manager)}};
  return {{"name", name},
          {"address", socket_address(address)},
          {"filter_chains", Json::array({{{"filters", Json::array({filter})}}})}};
}

Json connection_manager(const char* prefix, Json routes, Json filters) {
  return typed("extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
               {{"stat_prefix", prefix},
                {"stream_idle_timeout", "0s"},
                {"request_headers_timeout", "10s"},
                {"route_config", std::move(routes)},
                {"http_filters", std::move(filters)}});
}

}  // namespace

Json ingress_listener(const Gateway& gateway) {
  Json filters = Json::array({smear()});
  const bool submitters = gateway.callers == Callers::kSubmitters;
  if (submitters) filters.push_back(job_smear());
  filters.push_back(router());
  Json manager = connection_manager(
      "ingress", route_config(gateway, "ingress", "pool", gateway.retries), std::move(filters));
  if (!submitters) manager["early_header_mutation_extensions"] = without_steering_headers();
  return listener("ingress", gateway.ingress, std::move(manager));
}

Json import_listener(const Gateway& gateway) {
  return listener(
      "import", gateway.import,
      connection_manager("import",
                         route_config(gateway, "import", "pool_local", gateway.import_retries),
                         Json::array({router()})));
}

}  // namespace zoetrope::traffic::envoy

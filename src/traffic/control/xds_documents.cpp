#include "traffic/control/xds_documents.h"

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

namespace zoetrope::traffic::control {
namespace {

using nlohmann::json;

json endpoint(const Address& address) {
  const json socket = {{"address", address.host}, {"port_value", address.port}};
  return {{"endpoint", {{"address", {{"socket_address", socket}}}}}};
}

json endpoints(const std::vector<Address>& addresses) {
  json all = json::array();
  for (const Address& address : addresses) all.push_back(endpoint(address));
  return all;
}

// The zone is the region's name too: Envoy counts by zone (its statistics have no regions).
json locality(const PublishedRegion& region, json endpoints, int weight, int priority) {
  return {{"locality", {{"region", region.name}, {"zone", region.name}}},
          {"load_balancing_weight", weight},
          {"priority", priority},
          {"lb_endpoints", std::move(endpoints)}};
}

json pool(const Publication& publication, int region) {
  json localities = json::array();
  const policy::Table& table = publication.table;
  for (int t = 0; t < table.size(); ++t) {
    const int weight = table.weight.at(region, t);
    if (weight == 0) continue;  // Envoy refuses a weight of 0
    const PublishedRegion& to = publication.regions[t];
    json there = t == region ? endpoints(to.endpoints) : json::array({endpoint(to.import)});
    localities.push_back(locality(to, std::move(there), weight, 0));
  }
  // Equal shares: by then the table no longer fits the world.
  for (const int near : publication.regions[region].near) {
    if (table.weight.at(region, near) > 0) continue;  // a locality has one priority
    const PublishedRegion& to = publication.regions[near];
    localities.push_back(locality(to, json::array({endpoint(to.import)}), 1, 1));
  }
  // The default factor of 140 would hide the loss of 28 % of a region's workers.
  json policy = {{"overprovisioning_factor", 100}};
  if (const int drop = table.drop[region]; drop > 0) {
    policy["drop_overloads"] =
        json::array({{{"category", "overload"},
                      {"drop_percentage", {{"numerator", drop}, {"denominator", "MILLION"}}}}});
  }
  return {{"@type", kEndpointType},
          {"cluster_name", kPoolResource},
          {"endpoints", std::move(localities)},
          {"policy", std::move(policy)}};
}

json pool_local(const Publication& publication, int region) {
  const PublishedRegion& own = publication.regions[region];
  return {{"@type", kEndpointType},
          {"cluster_name", kLocalPoolResource},
          {"endpoints", json::array({locality(own, endpoints(own.endpoints), 1, 0)})},
          {"policy", {{"overprovisioning_factor", 100}}}};
}

json runtime(const Publication& publication) {
  return {{"@type", kRuntimeType}, {"name", kRuntimeResource}, {"layer", publication.runtime}};
}

}  // namespace

std::optional<std::string> discovery_response(const Publication& publication, int region,
                                              std::string_view resource) {
  json body;
  if (resource == kPoolResource) {
    body = pool(publication, region);
  } else if (resource == kLocalPoolResource) {
    body = pool_local(publication, region);
  } else if (resource == kRuntimeResource) {
    body = runtime(publication);
  } else {
    return std::nullopt;
  }
  const std::string_view type = resource == kRuntimeResource ? kRuntimeType : kEndpointType;
  return json{{"version_info", std::to_string(publication.version)},
              {"type_url", type},
              {"resources", json::array({std::move(body)})}}
      .dump();
}

}  // namespace zoetrope::traffic::control

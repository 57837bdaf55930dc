// Parts of a bootstrap.
#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "traffic/envoy/gateway.h"

namespace zoetrope::traffic::envoy {

using Json = nlohmann::ordered_json;

// "0.25s", as protocol buffers write durations in JSON.
std::string duration(std::chrono::milliseconds time);

// {"@type": ".../envoy.<type>", ...fields}
Json typed(const std::string& type);
Json typed(const std::string& type, const Json& fields);

Json socket_address(const SocketAddress& address);

// Where the resource that an agent keeps in `file` comes from.
Json config_source(const Gateway& gateway, std::string_view file);

Json ingress_listener(const Gateway& gateway);
Json import_listener(const Gateway& gateway);

// `pool`, `pool_local`, and with TableSource::kRest the manager's.
Json clusters(const Gateway& gateway);

}  // namespace zoetrope::traffic::envoy

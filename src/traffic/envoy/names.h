// Names by which gateways ask for their configuration, and the files that hold it when an agent
// brings it. Manager, agent and bootstrap must agree on them.
#pragma once

#include <string_view>

namespace zoetrope::traffic::envoy {

// Resources of EDS: where a region's requests go, and its own workers alone (for imports).
inline constexpr std::string_view kPoolResource = "animate/pool";
inline constexpr std::string_view kLocalPoolResource = "animate/pool_local";
// The resource of RTDS: what may be changed in a running gateway (smear, retry budget).
inline constexpr std::string_view kRuntimeResource = "tm-runtime";

inline constexpr std::string_view kPoolFile = "pool.json";
inline constexpr std::string_view kLocalPoolFile = "pool_local.json";
inline constexpr std::string_view kRuntimeFile = "runtime.json";

}  // namespace zoetrope::traffic::envoy

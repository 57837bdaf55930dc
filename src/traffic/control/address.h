// HOST:PORT, as it stands in configuration files. Values.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace zoetrope::traffic::control {

struct Address {
  std::string host;  // a name, or an IPv4 or IPv6 address without brackets
  uint16_t port = 0;

  auto operator<=>(const Address&) const = default;
};

// "10.0.0.7:8000", "[::1]:8000", "worker-3:8000"
std::string to_string(const Address& address);
base::Result<Address> parse_address(std::string_view text);
// To listen on: port 0 takes any that is free.
base::Result<Address> parse_listen_address(std::string_view text);

// One address, or a run of ports: "127.0.0.1:21001-21025".
base::Result<std::vector<Address>> parse_addresses(std::string_view text);

// Whether the host is an IP address: Envoy's endpoint lists take nothing else.
bool is_ip(const Address& address);

}  // namespace zoetrope::traffic::control

// Ports for servers that are started, ended and started again.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"

namespace zoetrope::rehearsal {

// `count` different loopback TCP ports that nobody has now. None is one of those that the system
// gives to connections (net.ipv4.ip_local_port_range): such a port can be taken by a client, even
// by one that knocks at that very port, while its server is down. kUnavailable: there are not so
// many.
base::Result<std::vector<uint16_t>> free_ports(int count);

// The first and the last port that the system gives to connections.
struct PortRange {
  int first = 32'768;
  int last = 60'999;
};
PortRange ports_of_connections();

}  // namespace zoetrope::rehearsal

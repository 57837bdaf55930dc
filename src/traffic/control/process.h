// The manager as a process runs it: an HTTP server, and a thread that runs an epoch every few
// seconds by the monotonic clock.
#pragma once

#include <memory>

#include "base/result.h"
#include "traffic/control/address.h"
#include "traffic/control/fleet_config.h"

namespace zoetrope::traffic::control {

class Process {
 public:
  // Serves, with the last table if there is one, when it returns; the first epoch runs at once.
  static base::Result<std::unique_ptr<Process>> start(FleetConfig config);
  // Gives up the lease.
  ~Process();

  // Where it listens.
  Address address() const;

 private:
  class Impl;
  explicit Process(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace zoetrope::traffic::control

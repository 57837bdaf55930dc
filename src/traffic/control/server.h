// A small HTTP/1.1 server for the manager: one thread, bounded everything, a handler that answers
// at once. Gateways, agents, Prometheus and browsers talk to it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "traffic/control/address.h"
#include "traffic/control/api.h"

namespace zoetrope::traffic::control {

class Server {
 public:
  using Handler = std::function<Response(const Request&)>;

  // Listens when it returns; port 0 takes any that is free. The handler is called on the server's
  // thread. kInvalidArgument: the host is not known; kUnavailable: the port is taken.
  static base::Result<std::unique_ptr<Server>> start(const Address& listen, Handler handler);
  // Breaks off what still runs.
  ~Server();

  Address address() const;

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace zoetrope::traffic::control

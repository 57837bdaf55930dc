// The requests of one connection, one after the other: reading, asking who it is and whether there
// is room, reading the body, the handler, the answer.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>

#include "http/exchange.h"

namespace zoetrope::http {

// Returns when the connection is closed.
boost::asio::awaitable<void> serve(std::shared_ptr<Context> context,
                                   std::shared_ptr<Connection> connection);

}  // namespace zoetrope::http

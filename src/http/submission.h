// From a request's body to an accepted job.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>

#include "http/exchange.h"
#include "http/form.h"

namespace zoetrope::http {

using ParseRequest = base::Result<GenerationRequest> (*)(const Form&, const RequestRules&,
                                                         uint64_t);

struct Submitted {
  engine::Job job;
  bool is_new = true;  // else the idempotency key named a job that was there already
  bool answer_with_url = false;
};

// Parses the body and hands it to the JobService, on a worker.
boost::asio::awaitable<base::Result<Submitted>> submit(ExchangePtr exchange, ParseRequest parse,
                                                       bool attended);

// The Idempotency-Key header; empty if there is none. kInvalidArgument.
base::Result<std::string> idempotency_key(const Exchange& exchange);

// kResourceExhausted if a submission now would find no room: asked before the body is read. A key
// that is known finds its job all the same.
boost::asio::awaitable<base::Status> check_room(ExchangePtr exchange);

}  // namespace zoetrope::http

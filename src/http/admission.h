// What is decided about a request from its header alone, before a byte of its body is read.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <optional>

#include "http/exchange.h"
#include "http/router.h"

namespace zoetrope::http {

// The id under which the request is known: the client's if it is well-formed, else a new one.
std::string request_id(std::string_view from_client);

// Whether this is HTTP we answer: Host, Expect, Origin (a page of another site must not start jobs
// on a server without keys).
std::optional<ApiError> check_head(const Exchange& exchange);

// Key, rate, size and type of the body, room for a job. Sets exchange->key.
boost::asio::awaitable<std::optional<Response>> check_admission(ExchangePtr exchange,
                                                                const Route& route,
                                                                std::optional<uint64_t> length);

// The answer to OPTIONS of a browser that asks whether another site's page may call.
std::optional<Response> preflight(const Exchange& exchange, std::string_view allow);

}  // namespace zoetrope::http

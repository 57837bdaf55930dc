// The table of routes: what the API is, in one place. openapi.json is compared with it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/beast/http/verb.hpp>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/exchange.h"

namespace zoetrope::http {

enum class Body {
  kNone,  // what a client sends is skipped
  kJson,
  kForm,  // JSON or multipart
};

struct Route {
  boost::beast::http::verb method;
  std::string_view path;  // "{id}" stands for one segment
  boost::asio::awaitable<Response> (*handler)(ExchangePtr);
  bool open = false;  // needs no key
  Body body = Body::kNone;
  bool generates = false;          // starts a job: admission and rate limits apply
  std::vector<int> statuses = {};  // beside those of all routes of its kind
};

std::span<const Route> all_routes();

// The statuses that requests to this route can meet.
std::set<int> statuses_of(const Route& route);

struct RouteMatch {
  const Route* route = nullptr;  // none: no such path, or another method
  std::string id;                // of "{id}"
  std::string allow;             // the methods of this path, "GET, HEAD"; empty: no such path
};

RouteMatch match_route(boost::beast::http::verb method, std::string_view path);

}  // namespace zoetrope::http

// What the manager answers over HTTP: xDS for gateways and agents, its publication for other
// managers, the status page and its data, metrics, overrides. From a snapshot and a request to an
// answer; no sockets. Any thread.
//
//   POST /v3/discovery:endpoints, /v3/discovery:runtime   200, 304 (the same version), 404 (a
//   region
//                                    or a resource that does not exist), 503 (no table yet)
//   GET  /                           the status page; /traffic.js, /traffic.css
//   GET  /v1/status                  its data
//   GET  /v1/publication             what is published, whole
//   POST /v1/override                {"refusal": ID}: publish what the guard refused
//   GET  /metrics, /health/live, /health/ready
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "traffic/control/scrape.h"

namespace zoetrope::traffic::control {

struct Snapshot;
class Manager;

struct Request {
  std::string method;
  std::string target;
  std::string body;
  std::string content_type;
  std::string if_none_match;
};

struct Response {
  int status = 200;
  std::string body;
  std::string_view media_type = "application/json";
  std::string etag = {};                  // empty: none
  std::string_view security_policy = {};  // empty: none
};

Response answer(const Request& request, Manager& manager, Time now);

// The xDS part of it.
Response answer_discovery(std::string_view type, std::string_view body, const Snapshot& snapshot);

}  // namespace zoetrope::traffic::control

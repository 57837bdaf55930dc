// A small HTTP/1.1 client: many requests side by side, each with the same patience. For metrics,
// etcd, and the manager's own tables; answers are bounded, redirects are not followed.
#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "traffic/control/address.h"

namespace zoetrope::traffic::control {

struct HttpRequest {
  Address to;
  std::string target = "/";
  std::string body;  // empty: GET, else POST of JSON
};

struct HttpReply {
  int status = 0;
  std::string body;
  std::chrono::nanoseconds after{};  // from the call until it was there
};

// One result a request, in their order. kUnavailable: no connection or broken off;
// kDeadlineExceeded: `patience` is over. Blocks; any thread.
std::vector<base::Result<HttpReply>> fetch_all(const std::vector<HttpRequest>& requests,
                                               std::chrono::milliseconds patience);

base::Result<HttpReply> fetch(const HttpRequest& request, std::chrono::milliseconds patience);

// The body of an answer with status 200; kUnavailable otherwise.
base::Result<std::string> body_of(base::Result<HttpReply> reply, const Address& from);

}  // namespace zoetrope::traffic::control

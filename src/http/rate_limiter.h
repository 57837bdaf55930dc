// A token bucket for each key: a full one holds a minute's worth of requests. Not thread-safe.
#pragma once

#include <chrono>
#include <map>
#include <string>

namespace zoetrope::http {

class RateLimiter {
 public:
  using Clock = std::chrono::steady_clock;

  // Zero: the request may go on, and is counted. Else how long to wait.
  std::chrono::seconds take(const std::string& name, int per_minute, Clock::time_point now);

 private:
  struct Bucket {
    double tokens = 0;
    Clock::time_point filled_at;
  };
  std::map<std::string, Bucket> buckets_;  // one for each name in the keys file
};

}  // namespace zoetrope::http

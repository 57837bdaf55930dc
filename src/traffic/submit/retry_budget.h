// A retry budget: retries are at most `share` of the requests of the last `ttl`, plus a small
// floor, so that a failing fleet sees (1 + share) times its load and not (1 + tries). Finagle's
// budget, whose defaults these are.
//
// Time comes in with each call and never runs backwards. Not thread-safe.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

namespace zoetrope::traffic::submit {

struct RetryBudgetOptions {
  double share = 0.2;      // retries per request
  double per_second = 10;  // retries allowed besides, for callers with few requests
  std::chrono::nanoseconds ttl = std::chrono::seconds(10);
};

class RetryBudget {
 public:
  explicit RetryBudget(const RetryBudgetOptions& options);

  // A request was made for the first time.
  void request(std::chrono::nanoseconds now);
  // Whether one retry may be made now; takes it out of the budget if so.
  bool try_retry(std::chrono::nanoseconds now);
  // Whole retries left.
  int64_t left(std::chrono::nanoseconds now);

 private:
  // In thousandths of a retry: sums of doubles would depend on the order of requests.
  static constexpr int64_t kUnit = 1000;
  static constexpr int kSlots = 10;  // a deposit lives between ttl and ttl + ttl / kSlots

  void expire(std::chrono::nanoseconds now);

  int64_t deposit_, floor_;
  std::chrono::nanoseconds slot_length_;
  int64_t slot_ = 0;  // number of the current slot since time 0
  std::array<int64_t, kSlots + 1> balance_{};
  int64_t sum_ = 0;
};

}  // namespace zoetrope::traffic::submit

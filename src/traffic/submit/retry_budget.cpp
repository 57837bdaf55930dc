#include "traffic/submit/retry_budget.h"

#include <algorithm>
#include <cmath>

namespace zoetrope::traffic::submit {

using std::chrono::nanoseconds;

RetryBudget::RetryBudget(const RetryBudgetOptions& options)
    : deposit_(std::llround(options.share * kUnit)),
      floor_(std::llround(options.per_second * kUnit *
                          std::chrono::duration<double>(options.ttl).count())),
      slot_length_(std::max(options.ttl / kSlots, nanoseconds(1))) {}

void RetryBudget::expire(nanoseconds now) {
  const int64_t current = now / slot_length_;
  const int64_t behind = std::min<int64_t>(current - slot_, kSlots + 1);
  for (int64_t i = 0; i < behind; ++i) {
    int64_t& oldest = balance_[static_cast<size_t>((current - i) % (kSlots + 1))];
    sum_ -= oldest;
    oldest = 0;
  }
  slot_ = std::max(slot_, current);
}

void RetryBudget::request(nanoseconds now) {
  expire(now);
  balance_[static_cast<size_t>(slot_ % (kSlots + 1))] += deposit_;
  sum_ += deposit_;
}

bool RetryBudget::try_retry(nanoseconds now) {
  if (left(now) < 1) return false;
  balance_[static_cast<size_t>(slot_ % (kSlots + 1))] -= kUnit;
  sum_ -= kUnit;
  return true;
}

int64_t RetryBudget::left(nanoseconds now) {
  expire(now);
  return std::max<int64_t>(floor_ + sum_, 0) / kUnit;
}

}  // namespace zoetrope::traffic::submit

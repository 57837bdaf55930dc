#include "http/rate_limiter.h"

#include <algorithm>
#include <cmath>

namespace zoetrope::http {

std::chrono::seconds RateLimiter::take(const std::string& name, int per_minute,
                                       Clock::time_point now) {
  if (per_minute <= 0) return {};
  const double rate = per_minute / 60.0;  // tokens a second
  const auto [entry, is_new] = buckets_.try_emplace(name, Bucket{double(per_minute), now});
  Bucket& bucket = entry->second;
  const double passed = std::chrono::duration<double>(now - bucket.filled_at).count();
  bucket.tokens = std::min(double(per_minute), bucket.tokens + passed * rate);
  bucket.filled_at = now;
  if (bucket.tokens >= 1) {
    bucket.tokens -= 1;
    return {};
  }
  return std::chrono::seconds(static_cast<int64_t>(std::ceil((1 - bucket.tokens) / rate)));
}

}  // namespace zoetrope::http

// Integer arithmetic of shares: exact, so that no result depends on the order of a sum.
#pragma once

#include <cmath>
#include <cstdint>

#include "traffic/policy/regions.h"

namespace zoetrope::traffic::policy {

// A share in millionths.
using Ppm = std::int64_t;
constexpr Ppm kPpm = 1'000'000;

inline Ppm to_ppm(double share) { return std::llround(share * kPpm); }

// floor(a * b / c) for a, b >= 0, c > 0, whatever the size of the product.
inline std::int64_t mul_div(std::int64_t a, std::int64_t b, std::int64_t c) {
  __extension__ using Wide = __int128;
  return static_cast<std::int64_t>(static_cast<Wide>(a) * b / c);
}

inline Millirps share_of(Millirps rate, Ppm share) { return mul_div(rate, share, kPpm); }

}  // namespace zoetrope::traffic::policy

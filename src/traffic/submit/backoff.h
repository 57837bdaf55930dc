// Full-jitter exponential back-off: the wait before try k + 1 is uniform in
// [0, min(base * 2^(k-1), cap)), k being the tries made so far. This is what Envoy 1.40 does inside
// one request (its documentation says (2^N - 1) * base, its source and a measurement say this).
//
// Pure: the caller brings the random number, from base/philox.h where a run must repeat.
#pragma once

#include <chrono>

namespace zoetrope::traffic::submit {

struct Backoff {
  std::chrono::nanoseconds base = std::chrono::milliseconds(100);
  // The longest window. Near the service time: with a cap far below it every try finds the same
  // busy workers (Envoy's default, 250 ms, is of no use to jobs of 4 s).
  std::chrono::nanoseconds cap = std::chrono::seconds(4);
};

// The open end of the window after `tries` tries, >= 1. Never overflows, whatever `tries`.
std::chrono::nanoseconds window(const Backoff& backoff, int tries);

// A wait from that window; `uniform` in [0, 1).
std::chrono::nanoseconds wait(const Backoff& backoff, int tries, double uniform);

}  // namespace zoetrope::traffic::submit

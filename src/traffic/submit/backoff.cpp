#include "traffic/submit/backoff.h"

#include <algorithm>

namespace zoetrope::traffic::submit {

using std::chrono::nanoseconds;

nanoseconds window(const Backoff& backoff, int tries) {
  const int doublings = std::max(tries, 1) - 1;
  // Comparing before the shift: base << 62 would have wrapped around long before the cap.
  if (doublings >= 62 || backoff.base.count() > (backoff.cap.count() >> doublings)) {
    return backoff.cap;
  }
  return nanoseconds(backoff.base.count() << doublings);
}

nanoseconds wait(const Backoff& backoff, int tries, double uniform) {
  const double length = static_cast<double>(window(backoff, tries).count());
  return nanoseconds(static_cast<std::chrono::nanoseconds::rep>(length * uniform));
}

}  // namespace zoetrope::traffic::submit

#include "traffic/load/schedule.h"

#include <cmath>

#include "base/philox.h"

namespace zoetrope::traffic::load {

using std::chrono::nanoseconds;

base::Result<std::vector<Stage>> staircase(double first, double last, int steps,
                                           nanoseconds step_length) {
  if (!(first > 0) || !std::isfinite(first)) return base::invalid_argument("from: must be > 0");
  if (!(last >= first) || !std::isfinite(last)) {
    return base::invalid_argument("to: must not be below from");
  }
  if (steps < 1) return base::invalid_argument("steps: must be at least 1");
  if (step_length <= nanoseconds(0)) return base::invalid_argument("step: must be > 0");
  std::vector<Stage> stages;
  for (int i = 0; i < steps; ++i) {
    const double share = steps == 1 ? 0 : static_cast<double>(i) / (steps - 1);
    stages.push_back({first + share * (last - first), step_length});
  }
  return stages;
}

std::vector<nanoseconds> arrivals(const std::vector<Stage>& stages, uint64_t seed) {
  constexpr uint64_t kStream = 0x6c6f6164;
  std::vector<nanoseconds> due;
  double start = 0;
  uint64_t index = 0;
  for (const Stage& stage : stages) {
    const double length = std::chrono::duration<double>(stage.length).count();
    // Each stage begins anew: the exponential has no memory.
    double at = 0;
    while (stage.rate > 0) {
      at -= std::log(base::uniform_at(seed, kStream, index++)) / stage.rate;
      if (at >= length) break;
      due.push_back(nanoseconds(static_cast<nanoseconds::rep>((start + at) * 1e9)));
    }
    start += length;
  }
  return due;
}

}  // namespace zoetrope::traffic::load

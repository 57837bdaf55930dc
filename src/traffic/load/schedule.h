// When the jobs of a load test are due. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "base/result.h"

namespace zoetrope::traffic::load {

// Load of one height.
struct Stage {
  double rate = 1;  // jobs a second
  std::chrono::nanoseconds length = std::chrono::seconds(10);
};

// `steps` stages from `first` to `last` jobs a second. kInvalidArgument names the field.
base::Result<std::vector<Stage>> staircase(double first, double last, int steps,
                                           std::chrono::nanoseconds step_length);

// A Poisson process: gaps are exponential, so a job does not wait for the one before (open loop).
// Ascending, from 0 on.
std::vector<std::chrono::nanoseconds> arrivals(const std::vector<Stage>& stages, uint64_t seed);

}  // namespace zoetrope::traffic::load

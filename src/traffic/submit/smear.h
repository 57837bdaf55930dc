// Smear: jobs that fall due together (an automatic edit of a million pictures at nine o'clock) are
// started apart. When a job is scheduled, a tunable share of jobs is put off by a time uniform in
// [0, window). The draw depends on the seed and the job alone, so every replica of a scheduler puts
// a job off alike, and scheduling it twice does not move it.
#pragma once

#include <chrono>
#include <cstdint>

namespace zoetrope::traffic::submit {

struct Smear {
  double share = 0;  // of jobs, 0..1
  // About two service times: as long as it takes the fleet to work off a batch.
  std::chrono::nanoseconds window = std::chrono::seconds(8);
};

// How long job `job` is put off; 0 for those outside the share.
std::chrono::nanoseconds put_off(const Smear& smear, uint64_t seed, uint64_t job);

}  // namespace zoetrope::traffic::submit

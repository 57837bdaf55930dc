// What a run leaves: counts for each phase, and a time series. Values; filled by the simulation,
// read by gates (metrics.h) and figures.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "traffic/fleet/histogram.h"
#include "traffic/policy/matrix.h"
#include "traffic/policy/regions.h"

namespace zoetrope::traffic::fleet {

// By ring from the user's region: 0 at home.
using ByRing = std::array<int64_t, policy::kRings + 1>;

// Of the jobs born in a phase.
struct PhaseResult {
  std::string name;
  double from_s = 0;
  double to_s = 0;
  int64_t offered = 0;
  int64_t succeeded = 0;  // done before the deadline
  int64_t admitted = 0;   // by a worker; more than once where workers died
  int64_t attempts = 0;   // tries at workers
  ByRing admitted_by_ring{};
  policy::Matrix<int64_t> admitted_at;  // by region of the user and of the worker
  Histogram overhead;  // what waiting and the way cost beyond the work itself, admitted jobs
  Histogram total;     // from due to done, succeeded jobs
};

// [sample * regions + region] each; a sample is an interval of `sample_s`.
struct Series {
  double sample_s = 1;
  int regions = 0;
  std::vector<float> offered;   // jobs born
  std::vector<float> good;      // of those, done before the deadline
  std::vector<float> finished;  // work ended in the interval, by region of the worker
  std::vector<float> busy;      // GPUs, mean
  std::vector<float> ready;     // GPUs, mean
  std::vector<float> attempts;  // by region of the user
  std::vector<std::array<float, policy::kRings + 1>> to_ring;  // admitted, by region of the user

  int samples() const { return regions == 0 ? 0 : static_cast<int>(busy.size()) / regions; }
  size_t at(int sample, int region) const {
    return static_cast<size_t>(sample) * static_cast<size_t>(regions) + static_cast<size_t>(region);
  }
};

struct RunResult {
  uint64_t seed = 0;
  std::vector<std::string> region_names;
  double limit = 1;                 // busy share that counts as utilisation 1
  double gpu_seconds = 0;           // that there were after the warm-up
  std::vector<PhaseResult> phases;  // first "all", then those of the scenario
  Series series;
  int64_t events = 0;
  int64_t published = 0;  // tables
  double seconds = 0;     // of processor time the run took
};

}  // namespace zoetrope::traffic::fleet

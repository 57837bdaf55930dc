// Whether the live fleet does what the simulator says: the same load, seed and routing table, and
// then success within two points, and the split over regions within the binomial 99 % interval.
#pragma once

#include <cmath>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "rehearsal/day.h"

namespace zoetrope::rehearsal {

struct Parity {
  struct Share {
    std::string region;  // of the worker
    double weight = 0;   // as the table has it
    double live = 0;
    double simulated = 0;
    double half_width = 0;  // of the interval around `simulated`
    bool within() const { return std::abs(live - simulated) <= half_width; }
  };
  std::string of;  // the region whose jobs are compared
  int64_t jobs = 0;
  double live_success = 0, simulated_success = 0;
  double live_tries = 0, simulated_tries = 0;  // a job, of its own gateway and of importers
  std::vector<Share> split;

  bool success_within() const { return std::abs(live_success - simulated_success) <= 0.02; }
  bool split_within() const;
};

// Half the width of the interval that holds the share of `jobs` draws with probability `share` 99
// times in 100.
double binomial_99(double share, int64_t jobs);

// `phase` ran with `table` from beginning to end; compared are the jobs of region `of`.
base::Result<Parity> compare(const PhaseReport& phase, const traffic::policy::Table& table,
                             const std::vector<std::string>& regions, int of,
                             const Options& options, const Clients& clients, uint64_t seed);

nlohmann::json to_json(const Parity& parity);

}  // namespace zoetrope::rehearsal

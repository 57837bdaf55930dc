// Figures of a run by name, as gates and reports ask for them.
//
//   success           share of the jobs born in the phase that were done before their deadline
//   lost              jobs that were not
//   goodput           work finished a second, as a share of what the GPUs could do at full use
//   utilisation       busy share of the GPUs, mean over regions and time
//   attempts          tries at workers per job
//   overhead_p50, _p99, _p999    seconds beyond the work itself: waiting and the way
//   total_p50, _p99, _p999       seconds from due to done
//   home_share, ring1_share, ring2_share, ring3_share    where jobs were admitted
//   spread            busy share of the busiest region less that of the least busy, mean over time
//   worst_region      success of the region with the least
//   receiver_peak     highest utilisation (busy share over the usable share) of a region that was
//                     taking imports, over intervals of 5 s
//   recovery_s        from the phase's start until success (by birth) stays at 0.99
//   theory_gap        |success - that of the fixed point x = rho (1 - x^((n + 1) k))|
//   knee              offered work per GPU at which success falls below the target, over the
//   model's
//                     usable share; along the scenario's phases as the steps of a staircase
//   demand_peak_to_trough, busy_peak_to_trough    of the fleet's worst region, by hour
//   peaks_apart       sum over regions of each one's busiest hour, over the fleet's busiest hour
//   filled_in_order   1 if ring k + 1 was used by the ramped region only after ring k; else 0
//   published         tables
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "traffic/fleet/result.h"
#include "traffic/fleet/scenario.h"

namespace zoetrope::traffic::fleet {

bool is_metric(std::string_view name);

// `phase` empty: the whole run after its warm-up. Preconditions: both exist.
double metric(std::string_view name, const RunResult& run, const Options& options,
              std::string_view phase);

const PhaseResult& phase_of(const RunResult& run, std::string_view phase);

// Busy share x of a fleet offered `rho` work per GPU, when a request fails after asking `looks`
// workers at random: x = rho (1 - x^looks).
double fixed_point(double rho, int looks);

// Utilisation of a region in an interval: busy share over the usable one.
double utilisation(const RunResult& run, int sample, int region);

}  // namespace zoetrope::traffic::fleet

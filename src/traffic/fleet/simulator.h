// The discrete-event simulator of a fleet: regions of GPUs, their gateways, users who come again.
//
// Identical GPUs asked at random are exchangeable, so a region is a number of busy ones and a try
// costs the same whatever the region's size. The routing table comes from the very policy object
// that the manager runs, back-off and resubmission from traffic/submit. A run is a function of the
// options and the seed. Runs share nothing: each may have its own thread.
#pragma once

#include <functional>

#include "base/cancel.h"
#include "base/result.h"
#include "traffic/fleet/result.h"
#include "traffic/fleet/scenario.h"

namespace zoetrope::traffic::fleet {

struct RunContext {
  base::CancelToken cancel;
  std::function<void(double share)> progress;  // may be empty; of the simulated time
};

// Fails where the options make no fleet (an unknown region, a policy that does not validate), and
// with kCancelled.
base::Result<RunResult> simulate(const Options& options, uint64_t seed,
                                 const RunContext& context = {});

}  // namespace zoetrope::traffic::fleet

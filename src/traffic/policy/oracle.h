// For tests: the least demand that any routing leaves without capacity, by maximum flow.
#pragma once

#include "traffic/policy/solver.h"

namespace zoetrope::traffic::policy {

// Receivers are filled no further than the last threshold less the margin, as by the solver;
// everything else is free: any reachable target, any split.
Millirps least_residual(const Topology& topology, const RoutingOptions& options,
                        const Problem& problem);

}  // namespace zoetrope::traffic::policy

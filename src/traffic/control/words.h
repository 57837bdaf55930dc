// What the manager did and why, in sentences for its status page and its log. Pure.
#pragma once

#include <string>

#include "traffic/control/publication.h"
#include "traffic/policy/policy.h"

namespace zoetrope::traffic::control {

// "82 % at home, 12 % to use2, 6 % to usw1; 1 % refused"
std::string row_in_words(const Publication& publication, int region);

// Why a region's row is what it is: which thresholds its demand crosses, which rings that opens,
// and what stands against it.
std::string why(const policy::Topology& topology, const policy::Options& options,
                const Publication& publication, const policy::RegionReport& report, int region);

// "use1: 82 % at home, 12 % to use2 (was 90 % at home, 10 % to use2)" for the rows that differ, at
// most three of them; `last` may be for no table yet (version 0).
std::string change_in_words(const Publication& last, const Publication& next);

}  // namespace zoetrope::traffic::control

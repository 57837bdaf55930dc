// Which regions a region's gateway cannot reach, concluded from traffic: a destination that should
// have got a number of requests and admitted none, epoch after epoch, while others admitted theirs,
// is excluded for that source alone. It is tried again after a while, each time later.
//
// Pure; owned by one thread.
#pragma once

#include <utility>
#include <vector>

#include "traffic/policy/matrix.h"
#include "traffic/policy/policy.h"
#include "traffic/policy/table.h"

namespace zoetrope::traffic::control {

class Reachability {
 public:
  explicit Reachability(int regions);

  // One epoch: the table in force during it, and what came of it.
  void step(const policy::Table& table, const std::vector<policy::RegionInput>& regions,
            double epoch_s);

  // (source, destination), for EpochInputs.
  std::vector<std::pair<int, int>> unreachable() const;

 private:
  struct Pair {
    double missed = 0;  // requests that should have been admitted since the last that was
    int silent = 0;     // epochs of it
    int wait = 0;       // epochs until it is tried again; > 0: excluded
    int next_wait = 0;  // the next time
  };
  policy::Matrix<Pair> pairs_;
};

}  // namespace zoetrope::traffic::control

#include "diffusion/block_schedule.h"

#include <algorithm>
#include <cmath>

#include "base/status.h"

namespace zoetrope::diffusion {
namespace {

void check(const BlockProfile& profile) {
  for (const std::vector<double>& row : profile.change) {
    if (row.size() != profile.blocks.size()) {
      throw base::Error(base::StatusCode::kInvalidArgument,
                        "change: a row has " + std::to_string(row.size()) + " values for " +
                            std::to_string(profile.blocks.size()) + " blocks");
    }
    for (const double change : row) {
      // A sum that can fall would let a block rest for ever.
      if (std::isfinite(change) && change >= 0) continue;
      throw base::Error(base::StatusCode::kInvalidArgument,
                        "change: " + std::to_string(change) + " is not a relative change");
    }
  }
}

}  // namespace

BlockSchedule::BlockSchedule(const BlockProfile& profile, double threshold) {
  check(profile);
  const size_t blocks = profile.blocks.size();
  runs_.assign(profile.change.size(), std::vector<bool>(blocks, true));
  if (threshold <= 0) return;
  std::vector<double> since_run(blocks, 0.0);
  for (size_t step = 1; step + 1 < runs_.size(); ++step) {
    for (size_t block = 0; block < blocks; ++block) {
      since_run[block] += profile.change[step][block];
      if (since_run[block] > threshold) {
        since_run[block] = 0.0;
      } else {
        runs_[step][block] = false;
      }
    }
  }
}

bool BlockSchedule::caches() const {
  return std::ranges::any_of(runs_, [](const std::vector<bool>& row) {
    return std::ranges::find(row, false) != row.end();
  });
}

double BlockSchedule::share_run() const {
  int64_t all = 0, run = 0;
  for (const std::vector<bool>& row : runs_) {
    all += static_cast<int64_t>(row.size());
    run += std::ranges::count(row, true);
  }
  return all == 0 ? 1.0 : static_cast<double>(run) / static_cast<double>(all);
}

}  // namespace zoetrope::diffusion

// Block caching: neighbouring denoising steps ask a network nearly the same question, so some of
// its blocks add nearly the same as a step before. Which ones is measured once, offline
// (BlockProfile); the schedule made from it says for every step which blocks run and which add
// again what they added when they last ran. It depends on nothing but the step, so requests stay
// reproducible and a GPU's step can be recorded.
//
// Wimbauer et al., "Cache Me if You Can", arXiv 2312.03209. Plain values, no torch.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace zoetrope::diffusion {

struct BlockProfile {
  std::vector<std::string> blocks;  // as the network names them
  // [steps][blocks]: |f - f_before|_1 / |f|_1 of what a block adds at this step and at the step
  // before, the mean over runs. Row 0 has no meaning.
  std::vector<std::vector<double>> change;

  int steps() const { return static_cast<int>(change.size()); }
};

class BlockSchedule {
 public:
  // A block runs when its changes since it last ran add up to more than `threshold`; at the first
  // and the last step every block does. threshold <= 0: always.
  // Throws Error(kInvalidArgument) where a row is of another length or a change is negative.
  BlockSchedule(const BlockProfile& profile, double threshold);

  int steps() const { return static_cast<int>(runs_.size()); }
  int64_t blocks() const { return runs_.empty() ? 0 : static_cast<int64_t>(runs_.front().size()); }
  bool runs(int step, int64_t block) const { return runs_.at(step).at(block); }
  // What the block adds at `step` is added again at the next one.
  bool reused_next(int step, int64_t block) const {
    return step + 1 < steps() && !runs(step + 1, block);
  }
  bool caches() const;       // some block at some step does not run
  double share_run() const;  // of all blocks at all steps

 private:
  std::vector<std::vector<bool>> runs_;  // [steps][blocks]
};

}  // namespace zoetrope::diffusion

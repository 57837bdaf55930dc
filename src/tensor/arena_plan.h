// A plan of one piece of memory for all blocks of a computation that runs the same way every time:
// blocks that never live at the same time may have the same place. From a record of when each block
// begins and ends (tensor/dry_run.h, tensor/arena.h).
//
// Greedy by size, the best of the gaps (Pisarchyk and Lee, "Efficient memory management for deep
// neural net inference", arXiv 2001.03288, section 5.2); then again, some rounds, with the block
// that stood highest first in the order. Pure arithmetic.
#pragma once

#include <cstdint>
#include <vector>

#include "tensor/dry_run.h"

namespace zoetrope::tensor {

struct ArenaPlan {
  std::vector<DryRun::Block> blocks;  // as recorded, in order of allocation
  std::vector<int64_t> offsets;       // one a block, multiples of the alignment
  int64_t bytes = 0;                  // of the whole
};

ArenaPlan plan_arena(std::vector<DryRun::Block> blocks, int64_t alignment);

}  // namespace zoetrope::tensor

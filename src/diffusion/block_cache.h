// BlockCache: what one request keeps of its network's blocks from one denoising step to the next.
// It stands between network and blocks (nn::BlockStack) and carries out a BlockSchedule: a block
// that does not run adds what it added when it last ran, if wanted corrected channel by channel.
//
// Belongs to one request and one thread at a time; every guidance branch has rows of its own. A
// BlockPlan is immutable and shared.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "diffusion/block_schedule.h"
#include "nn/block_stack.h"

namespace zoetrope::diffusion {

// For a block that does not run: f = scale * f_kept + shift.
struct BlockCorrection {
  at::Tensor scale, shift;  // [steps, c] fp32
};

struct BlockPlan {
  BlockSchedule schedule;
  std::vector<BlockCorrection> corrections;  // one a block, or none
};

class BlockCache final : public nn::BlockStack {
 public:
  explicit BlockCache(std::shared_ptr<const BlockPlan> plan);

  // Before each pass. Steps must be taken in order from 0: throws Error(kInternal) otherwise.
  void begin_step(int step);
  at::Tensor run(int64_t index, const at::Tensor& x, const Block& block) override;
  // After each pass: drops what no later step reads.
  void end_step();

  // Passes with the same pattern do the same work on the same kept tensors: for recording one.
  std::vector<int> pattern() const;
  // What the present step reads: kept tensors of the blocks that do not run.
  std::vector<at::Tensor> read_now() const;
  // A copy with kept tensors of its own, at the present step.
  std::unique_ptr<BlockCache> clone() const;
  // Takes copies of what `other`, at a step of the same pattern, kept of the blocks that ran.
  void keep_from(const BlockCache& other);

  int64_t kept_bytes() const;

 private:
  std::shared_ptr<const BlockPlan> plan_;
  int step_ = -1;
  std::vector<at::Tensor> kept_;  // one a block; undefined where nothing is
};

}  // namespace zoetrope::diffusion

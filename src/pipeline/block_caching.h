// The block caching of a model folder, as `zoetrope bench blocks` measured it:
//   scheduler/block_cache.json         the profile, and the threshold that was chosen
//   scheduler/block_cache.safetensors  corrections "BLOCK.scale", "BLOCK.shift" [steps, c];
//   optional
// It belongs to the folder's weights, scheduler and number of steps.
#pragma once

#include <c10/core/Device.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "diffusion/block_cache.h"

namespace zoetrope::pipeline {

struct BlockCaching {
  diffusion::BlockProfile profile;
  double threshold = 0;
  std::vector<diffusion::BlockCorrection> corrections;  // one a block, or none
};

// Null where the folder has none. `blocks`: the network's own. Throws base::Error(kDataLoss) naming
// file and field, also for a profile of another network.
std::shared_ptr<const diffusion::BlockPlan> read_block_plan(const std::filesystem::path& folder,
                                                            const std::vector<std::string>& blocks,
                                                            at::Device device);

// Throws base::Error naming the file.
void write_block_caching(const std::filesystem::path& folder, const BlockCaching& caching);

}  // namespace zoetrope::pipeline

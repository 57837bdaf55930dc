// Block caching, measured: how much each block's contribution changes from step to step, what
// correction brings a kept contribution nearest to the true one, and what a threshold costs and
// saves.
#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "base/progress.h"
#include "bench/workbench.h"
#include "diffusion/block_cache.h"

namespace zoetrope::bench {

// Runs every scene without caching. |f - f_before|_1 / |f|_1, the mean over scenes; all guidance
// branches count together.
diffusion::BlockProfile measure_profile(const Workbench& bench, std::span<const Scene> scenes);

// For each block and step at which it rests, the least-squares scale and shift of every channel
// that bring what was kept to what the block would add, over all scenes, without caching.
std::vector<diffusion::BlockCorrection> fit_corrections(const Workbench& bench,
                                                        std::span<const Scene> scenes,
                                                        const diffusion::BlockSchedule& schedule);

struct CachingResult {
  double threshold = 0;
  bool corrected = false;
  double share_run = 1;
  double seconds = 0;  // of denoising, median over scenes
  double psnr_db = 0;  // of the clip to the one without caching, mean over scenes
};

struct BlockStudy {
  diffusion::BlockProfile profile;
  std::vector<CachingResult> results;  // the first without caching
};

// Profiles and fits on `fitting`, tries every threshold on `trial`, of which no scene should be in
// `fitting`. Leaves the plan of the last threshold with the components.
BlockStudy study_blocks(Workbench& bench, std::span<const Scene> fitting,
                        std::span<const Scene> trial, std::span<const double> thresholds,
                        const base::ProgressSink& progress);

}  // namespace zoetrope::bench

// The ladder: one clip made again and again, from the most naive way to the shipped one, each rung
// adding one idea to all before it.
#pragma once

#include <c10/core/Device.h>

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/progress.h"
#include "bench/workbench.h"

namespace zoetrope::bench {

struct LadderOptions {
  std::filesystem::path model;
  at::Device device = at::kCPU;
  at::ScalarType low_precision = at::kBFloat16;
  int naive_steps = 50;          // DDIM's
  double block_threshold = 0.1;  // of the rung with block caching
};

struct RungResult {
  std::string name = {};
  std::string dtype = {};
  std::string solver = {};
  int steps = 0;
  int branches = 0;
  std::vector<double> denoise_seconds = {};  // one a picture
  std::vector<double> clip_seconds = {};     // encoders and decoder included
  int64_t peak_bytes = 0;                    // weights and live tensors
  std::vector<double> psnr_db = {};  // to the first rung's clip of the same picture and noise
  std::string note = {};             // why there are no figures, else empty

  int passes() const { return steps * branches; }
};

// Memory: on the CPU the tensors this thread allocates and the weights once; on a GPU what torch's
// allocator counts. Runs on the calling thread. Throws base::Error.
std::vector<RungResult> run_ladder(const LadderOptions& options,
                                   std::span<const Question> questions,
                                   const base::ProgressSink& progress,
                                   const base::CancelToken& cancel);

}  // namespace zoetrope::bench

// One denoising step of a network alone, with random weights: for sizes whose checkpoint is not at
// hand. The rungs are those of the ladder that need no solver.
#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/progress.h"
#include "models/animate_unet/config.h"

namespace zoetrope::bench {

struct NetworkShape {
  int64_t branches = 3;
  int64_t frames = 16;
  int64_t latent = 64;  // height and width
  int64_t text_tokens = 77;
};

struct NetworkRung {
  std::string name;
  std::string dtype;
  double step_seconds = 0;  // median over `runs`
  int64_t peak_bytes = 0;   // weights and live tensors
};

// On the CPU the recorded rung is left out. Throws base::Error.
std::vector<NetworkRung> study_network(const models::AnimateUnetConfig& config,
                                       const NetworkShape& shape, at::ScalarType low_precision,
                                       at::Device device, int runs,
                                       const base::ProgressSink& progress,
                                       const base::CancelToken& cancel);

}  // namespace zoetrope::bench

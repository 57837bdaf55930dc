// How much memory a request will take, before it takes it.
#pragma once

#include <cstdint>

#include "engine/api/engine.h"
#include "models/animate_unet/config.h"
#include "models/autoencoder_kl/config.h"
#include "pipeline/components.h"

namespace zoetrope::engine {

// What decides the size of the activations of a run.
struct RunShape {
  models::AnimateUnetConfig unet;
  models::AutoencoderKlConfig vae;
  int64_t branches = 3;  // rows of the U-Net's batch
  int64_t frames = 16;
  int64_t width = 128;  // of the decoded frames
  int64_t height = 128;
  int64_t decode_chunk = 4;
  int64_t element_bytes = 4;
  bool keeps_blocks = false;  // block caching
};

RunShape run_shape(const pipeline::Components& components, const ModelDefaults& defaults,
                   int64_t num_frames);

// Upper bound of the tensors that live at one time besides the weights, made to be less than twice
// what is measured (memory_plan_test.cpp).
int64_t predicted_activation_bytes(const RunShape& shape);

// The process with its libraries loaded, their threads and caches in use, without a model: 190 MiB
// measured on a two-core machine with LibTorch 2.11, and a margin. On a GPU only the GPU's memory
// is planned.
inline constexpr int64_t kFixedBytesCpu = int64_t{260} << 20;

// For one clip of `num_frames` frames at `tier`. Weights and activations count twice: libraries
// keep weights reordered for their kernels beside the originals, and freed activations stay with
// the allocator, apart for each thread and in pieces that do not always fit the next ones.
MemoryPlan plan_memory(const pipeline::Components& components, const ModelDefaults& defaults,
                       int64_t num_frames, Tier tier, int64_t weight_bytes, int64_t limit_bytes);

}  // namespace zoetrope::engine

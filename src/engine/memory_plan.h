// How much memory a request will take, before it takes it.
#pragma once

#include <cstdint>

#include "engine/api/engine.h"
#include "pipeline/model.h"

namespace zoetrope::engine {

// The process with its libraries loaded, their threads and caches in use, without a model: 190 MiB
// measured on a two-core machine with LibTorch 2.11, and a margin. On a GPU only the GPU's memory
// is planned.
inline constexpr int64_t kFixedBytesCpu = int64_t{260} << 20;

// Weights and activations count twice: libraries keep weights reordered for their kernels beside
// the originals, and freed activations stay with the allocator, apart for each thread and in pieces
// that do not always fit the next ones.
MemoryPlan plan_memory(const pipeline::Model& model, const pipeline::RunSize& size,
                       int64_t weight_bytes, int64_t limit_bytes);

}  // namespace zoetrope::engine

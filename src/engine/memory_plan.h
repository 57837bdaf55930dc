// How much memory a request will take, before it takes it and before the model is loaded, and which
// weights leave the device and how results are decoded so that it fits.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/api/engine.h"
#include "pipeline/forecast.h"

namespace zoetrope::engine {

// The process with its libraries loaded, their threads and caches in use, without a model: 190 MiB
// measured on a two-core machine with LibTorch 2.11, and a margin.
inline constexpr int64_t kFixedBytesCpu = int64_t{260} << 20;

// Of a GPU's memory, what libraries take from torch's allocator for good (cuBLAS 32 MiB a stream,
// cuDNN's workspaces), and what the allocator cannot use of its own. With 160 MiB HiDream-I1 ran
// out of 24 GiB that it should have fitted. The driver's own share is not free to begin with.
inline constexpr int64_t kFixedBytesCuda = int64_t{768} << 20;

// Where decoding a picture or clip whole (0) would not fit it is decoded in tiles, the largest of
// these that fits: latents along a side.
inline constexpr int64_t kDecodeTiles[] = {0, 64, 32};

// Immutable; any thread may ask.
class MemoryPlanner {
 public:
  // Reads the headers of the model's weights. On a GPU, where a clip of the expected size would not
  // fit below `limit_bytes`, text encoders leave the device after use, then as many of a
  // transformer's blocks as must, and if that is not enough the branches of a guided step go apart.
  MemoryPlanner(const pipeline::ModelIndex& index, at::ScalarType dtype, at::Device device,
                int64_t limit_bytes, const ExpectedSize& expected = {});

  const pipeline::ModelIndex::Placement& placement() const { return placement_; }
  // Recorded passes keep their memory, for a gain that is not seen where weights come and go.
  static bool records_passes(const pipeline::ModelIndex::Placement& placement) {
    return !placement.text_encoders_leave;
  }
  pipeline::ModelTraits traits() const { return forecaster_.traits(); }

  // On a CPU weights and tensors count twice: libraries keep weights reordered for their kernels
  // beside the originals, and freed tensors stay with the allocator, apart for each thread and in
  // pieces that do not always fit the next ones. On a GPU the forecast is what is taken.
  // Where the size does not say how to decode, the plan does, and whether branches go apart, as a
  // request alone needs it: a result does not depend on its company.
  MemoryPlan plan(const pipeline::RunSize& size) const;
  // The same before anything runs: the weights.
  MemoryPlan plan() const;

 private:
  using Placement = pipeline::ModelIndex::Placement;

  void choose_placement(const pipeline::ModelIndex& index, const ExpectedSize& expected);
  bool leaves(const std::string& component, const Placement& placement) const;
  // A result of this size alone, made in the way that fits: of those that do, the one that costs
  // and changes least.
  pipeline::RunSize fitting(pipeline::RunSize size) const;
  int64_t streamed_bytes(const Placement& placement) const;
  int64_t peak_bytes(const pipeline::Forecast& forecast, const Placement& placement) const;

  at::Device device_;
  int64_t limit_bytes_;
  pipeline::Forecaster forecaster_;
  bool has_tiles_;  // whether the model's autoencoder decodes in tiles
  std::vector<std::vector<int64_t>> block_bytes_;  // of each denoiser that can be streamed
  Placement placement_;
};

}  // namespace zoetrope::engine

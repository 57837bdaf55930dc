// NetworkRunner: forward passes of denoisers. On a GPU the first pass of a batch shape (and pattern
// of cached blocks) runs operation by operation, the second is recorded, and from then on it is
// replayed with one launch; on the CPU every pass simply runs.
//
// Belongs to one thread at a time. The networks must outlive it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <limits>
#include <memory>

#include "diffusion/block_cache.h"
#include "models/denoiser.h"
#include "pipeline/conditioning.h"

namespace zoetrope::pipeline {

enum class Launch {
  kRecorded,  // on a GPU; a CPU has nothing to record
  kEager,     // operation by operation everywhere: for comparison
};

class NetworkRunner {
 public:
  NetworkRunner(at::Device device, Launch launch);
  ~NetworkRunner();
  NetworkRunner(const NetworkRunner&) = delete;
  NetworkRunner& operator=(const NetworkRunner&) = delete;

  // As Denoiser::forward. `version` names the contents of `conditioning`: the same number means
  // the same tensors, so that a replay need not copy them again. `blocks`: of the one request in
  // the batch, at its step; null where every block runs. On a GPU the result is overwritten by the
  // next call.
  at::Tensor forward(const models::Denoiser& network, const at::Tensor& sample,
                     const at::Tensor& timestep, const Conditioning& conditioning, uint64_t version,
                     diffusion::BlockCache* blocks = nullptr);

  // What recordings may keep of the device's memory besides the one in use, from the next pass on;
  // those used least recently go. Without limit at first.
  void limit_other_recordings(int64_t bytes) { others_bytes_ = bytes; }

 private:
  struct Recording;
  struct Recordings;
  Recording& recording_for(const models::Denoiser& network, const at::Tensor& sample,
                           const at::Tensor& timestep, const Conditioning& conditioning,
                           const diffusion::BlockCache* blocks);

  bool records_;
  int64_t others_bytes_ = std::numeric_limits<int64_t>::max();
  std::unique_ptr<Recordings> recordings_;
};

}  // namespace zoetrope::pipeline

// NetworkRunner: one forward pass of a denoiser. On a GPU the pass is recorded once for every batch
// shape (and pattern of cached blocks) and replayed with one launch; on the CPU it simply runs.
//
// Belongs to one thread at a time. The network must outlive it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

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
  NetworkRunner(const models::Denoiser& network, at::Device device, Launch launch);
  ~NetworkRunner();
  NetworkRunner(const NetworkRunner&) = delete;
  NetworkRunner& operator=(const NetworkRunner&) = delete;

  // As Denoiser::forward. `version` names the contents of `conditioning`: the same number means
  // the same tensors, so that a replay need not copy them again. `blocks`: of the one request in
  // the batch, at its step; null where every block runs. On a GPU the result is overwritten by the
  // next call.
  at::Tensor forward(const at::Tensor& sample, const at::Tensor& timestep,
                     const Conditioning& conditioning, uint64_t version,
                     diffusion::BlockCache* blocks = nullptr);

 private:
  struct Captured;
  Captured& captured_for(const at::Tensor& sample, const at::Tensor& timestep,
                         const Conditioning& conditioning, const diffusion::BlockCache* blocks);

  const models::Denoiser& network_;
  bool capture_;
  // By shape of the sample and pattern of the block cache.
  using Key = std::pair<std::vector<int64_t>, std::vector<int>>;
  std::map<Key, std::unique_ptr<Captured>> captured_;
};

}  // namespace zoetrope::pipeline

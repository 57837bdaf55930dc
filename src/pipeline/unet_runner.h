// UnetRunner: one forward pass of the U-Net. On a GPU the pass is recorded once for every batch
// shape and replayed with one launch; on the CPU it simply runs.
//
// Belongs to one thread at a time. The network must outlive it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "models/animate_unet/network.h"
#include "pipeline/conditioning.h"

namespace zoetrope::pipeline {

class UnetRunner {
 public:
  UnetRunner(const models::AnimateUnet& unet, at::Device device);
  ~UnetRunner();
  UnetRunner(const UnetRunner&) = delete;
  UnetRunner& operator=(const UnetRunner&) = delete;

  // As AnimateUnet::forward. `version` names the contents of `conditioning`: the same number means
  // the same tensors, so that a replay need not copy them again. On a GPU the result is overwritten
  // by the next call.
  at::Tensor forward(const at::Tensor& sample, const at::Tensor& timestep,
                     const Conditioning& conditioning, uint64_t version);

 private:
  struct Captured;
  Captured& captured_for(const at::Tensor& sample, const at::Tensor& timestep,
                         const Conditioning& conditioning);

  const models::AnimateUnet& unet_;
  bool capture_;
  std::map<std::vector<int64_t>, std::unique_ptr<Captured>> captured_;  // by shape of the sample
};

}  // namespace zoetrope::pipeline

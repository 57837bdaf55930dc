// Sampling written out as a plain loop, with what the product does cleverly left undone: the
// reference that the ladder starts from, and where a study needs to look into every block.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

#include "bench/workbench.h"
#include "nn/block_stack.h"

namespace zoetrope::bench {

// When the context's keys and values are made.
enum class ContextUse {
  kRepeatedEachStep,  // the context is repeated for every frame, then projected: as diffusers does
  kEachStep,          // projected once for all frames of a clip
  kOnce,              // kept for the whole request
};

struct PlainSampling {
  ContextUse context = ContextUse::kOnce;
  bool branches_together = true;    // in one batch of the network, else one pass each
  nn::BlockStack* stack = nullptr;  // the network's blocks run through it
  std::function<void(int step)> before_step = {};
  int most_steps = 1 << 30;  // stops early: to warm up
};

// The network's outputs for all branches, [b, f, h, w, c]. sample and timestep have one row a
// branch; `context`: of AnimateUnet::context, needed unless it is used once.
at::Tensor forward_plainly(const models::AnimateUnet& unet, const at::Tensor& sample,
                           const at::Tensor& timestep,
                           const models::AnimateUnet::Conditioning& conditioning,
                           const at::Tensor& context, const PlainSampling& sampling);

// Latents [f, h, w, c] fp32 of the scene, by the components' scheduler.
at::Tensor sample_plainly(const Workbench& bench, const Scene& scene,
                          const PlainSampling& sampling);

}  // namespace zoetrope::bench

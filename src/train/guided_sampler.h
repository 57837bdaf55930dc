// Guided sampling where training needs it: DDIM with three-way guidance, each clip of the batch at
// a step and with guidance scales of its own. Users' clips are made by the pipeline, not here.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "models/autoencoder_kl/autoencoder_kl.h"
#include "train/animate_networks.h"
#include "train/distillation.h"

namespace zoetrope::train {

struct GuidedClips {
  at::Tensor prompts;       // int64 [b, l]
  at::Tensor empty_prompt;  // int64 [l]
  at::Tensor first_frame;   // fp32 [b, h, w, c]
  at::Tensor motion;        // fp32 [b]; negative = not given
  at::Tensor guidance;      // fp32 [b, 2]: image, text
};

// Takes `steps` of the grid's teacher steps from z, fp32 [b, f, h, w, c], which stands at `nodes`,
// int64 [b]. The branches (none, picture, picture and text) are one batch of the network.
at::Tensor sample_guided(const AnimateNetworks& networks, const DistillationGrid& grid,
                         at::Tensor z, const at::Tensor& nodes, int64_t steps,
                         const GuidedClips& clips, at::ScalarType dtype);

// Decodes latents fp32 [f, h, w, c] to every second frame, u8 [f / 2, H, W, 3] on the CPU.
at::Tensor shown_frames(const models::AutoencoderKl& autoencoder, const at::Tensor& latents,
                        at::ScalarType dtype);

}  // namespace zoetrope::train

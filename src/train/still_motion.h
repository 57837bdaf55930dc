// Clips made from still pictures: sway, lean, shift, squash and stretch, pulse. They teach that
// moving a thing means copying it, on far more things than there are real animations of.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace zoetrope::train {

// picture fp32 [h, w, 3] in [-1, 1] on white -> clip [f, h, w, 3] that loops and starts with the
// picture itself. What moves and how far is a function of (seed, draw).
at::Tensor animate_still(const at::Tensor& picture, int64_t frames, uint64_t seed, uint64_t draw);

// Each picture of the clip [f, h, w, 3] resampled by its own affine map from output to input
// coordinates in [-1, 1] ([f, 2, 3]); white flows in from outside.
at::Tensor warp_on_white(const at::Tensor& clip, const at::Tensor& maps);

}  // namespace zoetrope::train

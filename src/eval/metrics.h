// Figures of one clip, alone or beside another one: what docs/evaluation.md defines and says the
// limits of. Clips are u8 [f, h, w, 3], pictures u8 [h, w, 3], on the CPU. Pure functions of any
// thread, in fp64. Throw base::Error(kInvalidArgument) for other shapes.
#pragma once

#include <ATen/core/Tensor.h>

namespace zoetrope::eval {

// Of two identical clips, where the quotient has no value: above what 8 bits can reach in practice.
inline constexpr double kIdenticalPsnr = 100;

// 10 log10(255^2 / mean squared difference), at most kIdenticalPsnr. Any equal shapes.
double psnr(const at::Tensor& a, const at::Tensor& b);

// Mean structural similarity of two clips, frame by frame and channel by channel: Wang, Bovik,
// Sheikh, Simoncelli, "Image quality assessment: from error visibility to structural similarity"
// (2004), equation 13, with its Gaussian window (11 x 11, sigma 1.5), windows that lie wholly
// inside the frame. Frames have at least 11 pixels a side.
double ssim(const at::Tensor& a, const at::Tensor& b);

// Mean absolute difference of neighbouring frames, of full scale: [0, 1].
double motion(const at::Tensor& clip);

// Mean absolute second difference in time over the mean absolute first: 0 for a steady ramp, 2 for
// frames that alternate. 0 if nothing moves.
double jerk(const at::Tensor& clip);

// Share of the pixels of the inner frames whose brightness jumps and comes back at once: away by
// more than 16 of 255, back by more than 16, and nearer to where it was than half of either.
double flicker_share(const at::Tensor& clip);

// Mean squared brightness gradient: of detail, and of noise.
double gradient_energy(const at::Tensor& clip);

// Share of pixels more than 20 of 255 from white where every frame of `real` is white (>= 250).
double dirty_white(const at::Tensor& clip, const at::Tensor& real);

// Share of pixels more than 20 of 255, in some channel, from every colour of `picture`.
double novel_colour(const at::Tensor& clip, const at::Tensor& picture);

}  // namespace zoetrope::eval

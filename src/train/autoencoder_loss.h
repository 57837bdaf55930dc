// What the autoencoder is trained to minimise: L1, a perceptual substitute that needs no pretrained
// network (structural similarity and gradients at three scales), and the KL to a unit Gaussian.
// Pictures are fp32 [n, h, w, 3] in [-1, 1].
#pragma once

#include <ATen/core/Tensor.h>

namespace zoetrope::train {

// Structural similarity (Wang et al. 2004) with a 7x7 box window, valid positions only:
// [n, h-6, w-6, 3].
at::Tensor ssim_map(const at::Tensor& x, const at::Tensor& y);

// Mean absolute difference of horizontal and vertical gradients, summed over three scales; [].
at::Tensor gradient_l1(const at::Tensor& x, const at::Tensor& y);

// 0.5 (mean^2 + exp(logvar) - 1 - logvar), averaged over elements; [].
at::Tensor kl_to_unit_gaussian(const at::Tensor& mean, const at::Tensor& logvar);

// Peak signal-to-noise ratio of each picture in dB (range 2): [n].
at::Tensor psnr(const at::Tensor& x, const at::Tensor& y);

}  // namespace zoetrope::train

#include "train/autoencoder_loss.h"

#include <ATen/ATen.h>

namespace zoetrope::train {
namespace {

// Constants of the SSIM paper (0.01 and 0.03) for signals of range 2.
constexpr double kC1 = (0.01 * 2) * (0.01 * 2);
constexpr double kC2 = (0.03 * 2) * (0.03 * 2);

at::Tensor box(const at::Tensor& x) {
  return at::avg_pool2d(x.permute({0, 3, 1, 2}), {7, 7}, {1, 1}).permute({0, 2, 3, 1});
}

at::Tensor halved(const at::Tensor& x) {
  return at::avg_pool2d(x.permute({0, 3, 1, 2}), {2, 2}).permute({0, 2, 3, 1});
}

at::Tensor mean_abs_step(const at::Tensor& x, int64_t dim) {
  const int64_t n = x.size(dim);
  return (x.narrow(dim, 1, n - 1) - x.narrow(dim, 0, n - 1)).abs().mean();
}

}  // namespace

at::Tensor ssim_map(const at::Tensor& x, const at::Tensor& y) {
  const at::Tensor mx = box(x), my = box(y);
  const at::Tensor vx = box(x * x) - mx * mx;
  const at::Tensor vy = box(y * y) - my * my;
  const at::Tensor cov = box(x * y) - mx * my;
  return ((2 * mx * my + kC1) * (2 * cov + kC2)) / ((mx * mx + my * my + kC1) * (vx + vy + kC2));
}

at::Tensor gradient_l1(const at::Tensor& x, const at::Tensor& y) {
  at::Tensor d = x - y;  // differencing is linear: one picture instead of two
  at::Tensor sum = mean_abs_step(d, 1) + mean_abs_step(d, 2);
  for (int scale = 1; scale < 3; ++scale) {
    d = halved(d);
    sum = sum + mean_abs_step(d, 1) + mean_abs_step(d, 2);
  }
  return sum;
}

at::Tensor kl_to_unit_gaussian(const at::Tensor& mean, const at::Tensor& logvar) {
  return 0.5 * (mean * mean + logvar.exp() - 1.0 - logvar).mean();
}

at::Tensor psnr(const at::Tensor& x, const at::Tensor& y) {
  return -10.0 * ((x - y) * 0.5).square().mean({1, 2, 3}).clamp_min(1e-12).log10();
}

}  // namespace zoetrope::train

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "train/autoencoder_loss.h"
#include "train/latent_cache.h"

namespace zoetrope::train {
namespace {

TEST(AutoencoderLoss, PerfectPicturesCostNothing) {
  const at::Tensor x = at::rand({2, 24, 20, 3}) * 2 - 1;
  EXPECT_NEAR(ssim_map(x, x).min().item<double>(), 1.0, 1e-4);
  EXPECT_EQ(ssim_map(x, x).sizes(), (std::vector<int64_t>{2, 18, 14, 3}));
  EXPECT_EQ(gradient_l1(x, x).item<double>(), 0.0);
  EXPECT_LT(ssim_map(x, at::rand_like(x)).mean().item<double>(), 0.5);
}

TEST(AutoencoderLoss, GradientIsThatOfARamp) {
  // A ramp of slope s along the width: |gradient| s, then 2s and 4s at half and quarter size.
  const double s = 0.01;
  const at::Tensor ramp = (at::arange(32) * s).view({1, 1, 32, 1}).expand({1, 32, 32, 3});
  EXPECT_NEAR(gradient_l1(ramp, at::zeros_like(ramp)).item<double>(), 7 * s, 1e-6);
}

TEST(AutoencoderLoss, KlAndPsnrMatchTheirFormulas) {
  EXPECT_NEAR(kl_to_unit_gaussian(at::zeros({4}), at::zeros({4})).item<double>(), 0.0, 1e-7);
  EXPECT_NEAR(kl_to_unit_gaussian(at::full({4}, 2.0), at::full({4}, std::log(3.0))).item<double>(),
              0.5 * (4 + 3 - 1 - std::log(3.0)), 1e-6);
  const at::Tensor x = at::zeros({1, 4, 4, 3});
  EXPECT_NEAR(psnr(x, x + 0.2).item<double>(), -20 * std::log10(0.1), 1e-4);
}

TEST(MotionStrength, IsLogarithmicInTheFrameDifference) {
  const auto clip_with_steps = [](double step) {  // in pixels of [0, 1]
    return (at::arange(4) * 2 * step).view({1, 4, 1, 1, 1}).expand({1, 4, 5, 5, 3}) - 1.0;
  };
  EXPECT_NEAR(motion_strength(clip_with_steps(0.01)).item<double>(), (-2 + 2.6) / 1.8, 1e-4);
  EXPECT_EQ(motion_strength(clip_with_steps(0.0)).item<double>(), 0.0);
}

}  // namespace
}  // namespace zoetrope::train

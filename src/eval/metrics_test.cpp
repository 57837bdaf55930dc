#include "eval/metrics.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/status.h"
#include "eval/frechet.h"
#include "eval/lpips.h"
#include "tensor/noise.h"
#include "weights/tensor_io.h"

namespace zoetrope::eval {
namespace {

const std::string kFixtures = ZOETROPE_SOURCE_DIR "/tests/fixtures/eval/";

const weights::ParameterMap& fixture() {
  static const weights::ParameterMap values =
      weights::load_tensors(kFixtures + "figures.safetensors").value_or_throw();
  return values;
}

double fixture_number(const std::string& name) { return fixture().at(name).item<double>(); }

at::Tensor noise(at::IntArrayRef shape, uint64_t seed) {
  return tensor::gaussian_noise(shape, seed, 0, 0, at::kCPU);
}

at::Tensor bytes(const at::Tensor& values) { return values.round().clamp(0, 255).to(at::kByte); }

// A grey clip whose brightness at frame t is f(t).
template <typename F>
at::Tensor uniform_clip(int64_t frames, F&& brightness) {
  at::Tensor clip = at::empty({frames, 12, 12, 3}, at::kByte);
  for (int64_t t = 0; t < frames; ++t) clip[t].fill_(static_cast<int64_t>(brightness(t)));
  return clip;
}

TEST(MetricsTest, PsnrAndSsimAgreeWithScikitImage) {
  EXPECT_NEAR(psnr(fixture().at("a"), fixture().at("b")), fixture_number("psnr"), 1e-9);
  EXPECT_NEAR(ssim(fixture().at("a"), fixture().at("b")), fixture_number("ssim"), 1e-9);
}

TEST(MetricsTest, AClipEqualsItself) {
  const at::Tensor& a = fixture().at("a");
  EXPECT_EQ(psnr(a, a), kIdenticalPsnr);
  EXPECT_NEAR(ssim(a, a), 1, 1e-12);
}

TEST(MetricsTest, MoreNoiseIsFurtherAway) {
  const at::Tensor clean = fixture().at("a");
  double last_psnr = kIdenticalPsnr, last_ssim = 1;
  for (const double strength : {2.0, 6.0, 18.0, 54.0}) {
    const at::Tensor noisy = bytes(clean.to(at::kFloat) + strength * noise(clean.sizes(), 3));
    EXPECT_LT(psnr(clean, noisy), last_psnr) << strength;
    EXPECT_LT(ssim(clean, noisy), last_ssim) << strength;
    last_psnr = psnr(clean, noisy);
    last_ssim = ssim(clean, noisy);
  }
}

TEST(MetricsTest, MotionAndJerkOfKnownClips) {
  const at::Tensor ramp = uniform_clip(5, [](int64_t t) { return 10 + 4 * t; });
  EXPECT_DOUBLE_EQ(motion(ramp), 4 / 255.0);
  EXPECT_DOUBLE_EQ(jerk(ramp), 0);
  const at::Tensor blinking = uniform_clip(6, [](int64_t t) { return t % 2 == 0 ? 50 : 200; });
  EXPECT_DOUBLE_EQ(motion(blinking), 150 / 255.0);
  EXPECT_DOUBLE_EQ(jerk(blinking), 2);
  const at::Tensor still = uniform_clip(4, [](int64_t) { return 77; });
  EXPECT_DOUBLE_EQ(motion(still), 0);
  EXPECT_DOUBLE_EQ(jerk(still), 0);
}

TEST(MetricsTest, OnlyAChangeThatComesBackIsFlicker) {
  EXPECT_DOUBLE_EQ(flicker_share(uniform_clip(6, [](int64_t t) { return t % 2 == 0 ? 50 : 200; })),
                   1);
  EXPECT_DOUBLE_EQ(flicker_share(uniform_clip(6, [](int64_t t) { return 40 * t; })), 0);
  EXPECT_DOUBLE_EQ(flicker_share(uniform_clip(6, [](int64_t t) { return t % 2 == 0 ? 50 : 60; })),
                   0)
      << "too small to see";
  EXPECT_DOUBLE_EQ(flicker_share(uniform_clip(6, [](int64_t t) { return t < 3 ? 0 : 200; })), 0)
      << "a cut";
  at::Tensor one = uniform_clip(3, [](int64_t) { return 100; });
  one[1][4][5].fill_(200);
  EXPECT_DOUBLE_EQ(flicker_share(one), 1.0 / (12 * 12));
}

TEST(MetricsTest, GradientEnergyOfAStripe) {
  at::Tensor clip = uniform_clip(1, [](int64_t) { return 0; });
  EXPECT_DOUBLE_EQ(gradient_energy(clip), 0);
  clip.narrow(2, 6, 6).fill_(30);
  EXPECT_DOUBLE_EQ(gradient_energy(clip), 30.0 * 30 / 11);  // one of 11 steps across
}

TEST(MetricsTest, DirtyWhiteCountsSpecksWhereTheRealClipIsWhite) {
  at::Tensor real = uniform_clip(2, [](int64_t) { return 255; });
  real.narrow(1, 0, 6).fill_(10);  // the upper half is the object
  at::Tensor clip = real.clone();
  EXPECT_DOUBLE_EQ(dirty_white(clip, real), 0);
  clip[1][8][3][2] = 200;  // one channel of one pixel of one frame
  clip[0][2].fill_(255);   // the object's business
  clip[0][9][9].fill_(240);
  EXPECT_DOUBLE_EQ(dirty_white(clip, real), 1.0 / (2 * 6 * 12));
  EXPECT_DOUBLE_EQ(dirty_white(clip, uniform_clip(2, [](int64_t) { return 9; })), 0);
}

TEST(MetricsTest, NovelColourAgreesWithLookingAtEveryPair) {
  const at::Tensor picture = bytes(128 + 30 * noise({5, 7, 3}, 11));
  const at::Tensor clip = bytes(128 + 45 * noise({2, 9, 8, 3}, 12));
  const at::Tensor apart =
      (clip.view({-1, 1, 3}).to(at::kInt) - picture.view({1, -1, 3}).to(at::kInt))
          .abs()
          .amax(2)
          .amin(1);
  const double expected = (apart > 20).to(at::kDouble).mean().item<double>();
  EXPECT_GT(expected, 0.05);
  EXPECT_LT(expected, 0.95);
  EXPECT_DOUBLE_EQ(novel_colour(clip, picture), expected);
  EXPECT_DOUBLE_EQ(novel_colour(picture.unsqueeze(0), picture), 0);
}

TEST(MetricsTest, WrongShapesAreRefused) {
  const at::Tensor clip = uniform_clip(3, [](int64_t) { return 1; });
  EXPECT_THROW(ssim(clip, clip.narrow(0, 0, 2)), base::Error);
  EXPECT_THROW(ssim(clip.narrow(1, 0, 8), clip.narrow(1, 0, 8)), base::Error);
  EXPECT_THROW(motion(clip.narrow(0, 0, 1)), base::Error);
  EXPECT_THROW(jerk(clip.to(at::kFloat)), base::Error);
}

TEST(FrechetTest, AgreesWithScipysMatrixRoot) {
  const double distance =
      frechet_distance(fit_gaussian(fixture().at("x")), fit_gaussian(fixture().at("y")));
  EXPECT_NEAR(distance, fixture_number("frechet"), 1e-9 * fixture_number("frechet"));
}

TEST(FrechetTest, OfTwoNormalDistributionsByTheFormula) {
  const auto options = at::TensorOptions(at::kDouble);
  const Gaussian a{at::zeros({2}, options), at::diag(at::tensor({4.0, 9.0}, options))};
  const Gaussian b{at::tensor({3.0, 0.0}, options), at::diag(at::tensor({1.0, 16.0}, options))};
  EXPECT_NEAR(frechet_distance(a, b), 9 + 1 + 1, 1e-12);  // means, (2 - 1)^2, (3 - 4)^2
  EXPECT_NEAR(frechet_distance(b, a), 11, 1e-12);
  EXPECT_NEAR(frechet_distance(a, a), 0, 1e-12);
}

TEST(FrechetTest, SingularCovariancesAndASmallSamplesBias) {
  // Fewer rows than dimensions.
  const at::Tensor few = noise({5, 12}, 21), others = noise({6, 12}, 22);
  const double distance = frechet_distance(fit_gaussian(few), fit_gaussian(others));
  EXPECT_TRUE(std::isfinite(distance));
  // Eigenvalues that should be 0 are 1e-16; their roots are what is left.
  EXPECT_NEAR(frechet_distance(fit_gaussian(few), fit_gaussian(few)), 0, 1e-6);
  // Samples of one distribution: nothing to find, and yet small samples show a distance.
  const auto same = [](int64_t rows) {
    return frechet_distance(fit_gaussian(noise({rows, 12}, 23)),
                            fit_gaussian(noise({rows, 12}, 24)));
  };
  EXPECT_GT(same(20), same(200));
  EXPECT_GT(same(200), same(5000));
}

TEST(LpipsTest, AgreesWithThePackage) {
  const Lpips lpips = Lpips::open(kFixtures + "lpips", at::kCPU).value_or_throw();
  const auto a = lpips.features(fixture().at("lpips_a"));
  const auto b = lpips.features(fixture().at("lpips_b"));
  EXPECT_NEAR(lpips.distance(a, b), fixture_number("lpips"), 1e-5 * fixture_number("lpips"));
  EXPECT_EQ(lpips.distance(a, a), 0);
}

TEST(LpipsTest, AFolderWithoutItsWeightsIsRefusedByName) {
  const auto refused = Lpips::open(kFixtures, at::kCPU);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.status().message().find("model.safetensors"), std::string::npos);
}

}  // namespace
}  // namespace zoetrope::eval

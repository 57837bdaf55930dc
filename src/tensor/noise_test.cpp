#include "tensor/noise.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/status.h"
#include "tensor/device.h"

namespace zoetrope::tensor {
namespace {

constexpr int64_t kMany = 200'000;

at::Tensor flat(int64_t n, uint64_t seed, uint64_t stream, uint64_t first = 0) {
  return gaussian_noise({n}, seed, stream, first, at::kCPU);
}

// Values from an independent Philox4x32-10 in Python with statistics.NormalDist().inv_cdf.
TEST(NoiseTest, KnownValues) {
  EXPECT_EQ(flat(2, 0, 0)[0].item<float>(), -0.2558159702035156f);
  EXPECT_EQ(flat(2, 0, 0)[1].item<float>(), 1.91480327277028f);
  EXPECT_EQ(flat(1, 42, 0, 7).item<float>(), -0.36284453542751044f);
  EXPECT_EQ(flat(1, 42, 3, 7).item<float>(), -0.2612324915224246f);
  // All 64 bits of seed, stream and index count.
  EXPECT_EQ(flat(1, (1ull << 63) + 5, 1ull << 40, (1ull << 33) + 1).item<float>(),
            -0.19614849089566097f);
  EXPECT_EQ(uniform_noise({1}, 42, 0, 7, at::kCPU).item<float>(), 0.35836051064731683f);
}

TEST(NoiseTest, DoesNotDependOnShape) {
  const at::Tensor whole = flat(2 * 3 * 4 * 5, 7, 1);
  EXPECT_TRUE(at::equal(gaussian_noise({2, 3, 4, 5}, 7, 1, 0, at::kCPU).flatten(), whole));
}

TEST(NoiseTest, SlicesEqualTheWhole) {
  const at::Tensor whole = flat(10'000, 7, 1);
  for (const int64_t cut : {1, 17, 4096, 9'999}) {
    EXPECT_TRUE(at::equal(at::cat({flat(cut, 7, 1), flat(10'000 - cut, 7, 1, cut)}), whole)) << cut;
  }
}

TEST(NoiseTest, DoesNotDependOnThreads) {
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const at::Tensor one = flat(kMany, 3, 0);
  at::set_num_threads(2);
  const at::Tensor two = flat(kMany, 3, 0);
  at::set_num_threads(before);
  EXPECT_TRUE(at::equal(one, two));
}

TEST(NoiseTest, SeedsAndStreamsAreIndependent) {
  const at::Tensor a = flat(kMany, 1, 0).to(at::kDouble);
  const double bound = 5.0 / std::sqrt(static_cast<double>(kMany));  // 5 sigma of a correlation
  EXPECT_LT(std::abs((a * flat(kMany, 2, 0)).mean().item<double>()), bound);
  EXPECT_LT(std::abs((a * flat(kMany, 1, 1)).mean().item<double>()), bound);
}

// Bounds are five standard deviations of each estimator under the exact distribution.
TEST(NoiseTest, GaussianMoments) {
  const at::Tensor x = flat(kMany, 5, 2).to(at::kDouble);
  const double sigma = 1.0 / std::sqrt(static_cast<double>(kMany));
  EXPECT_NEAR(x.mean().item<double>(), 0.0, 5 * sigma);
  EXPECT_NEAR(x.pow(2).mean().item<double>(), 1.0, 5 * sigma * std::sqrt(2.0));
  EXPECT_NEAR(x.pow(3).mean().item<double>(), 0.0, 5 * sigma * std::sqrt(15.0));
  EXPECT_NEAR(x.pow(4).mean().item<double>(), 3.0, 5 * sigma * std::sqrt(96.0));
  const double tail = (x.abs() > 1.959963985).to(at::kDouble).mean().item<double>();
  EXPECT_NEAR(tail, 0.05, 5 * sigma * std::sqrt(0.05 * 0.95));
}

TEST(NoiseTest, UniformMomentsAndRange) {
  const at::Tensor u = uniform_noise({kMany}, 5, 2, 0, at::kCPU).to(at::kDouble);
  const double sigma = 1.0 / std::sqrt(static_cast<double>(kMany));
  EXPECT_NEAR(u.mean().item<double>(), 0.5, 5 * sigma * std::sqrt(1.0 / 12));
  EXPECT_NEAR(u.pow(2).mean().item<double>(), 1.0 / 3, 5 * sigma * std::sqrt(4.0 / 45));
  EXPECT_GT(u.min().item<double>(), 0.0);
  EXPECT_LT(u.max().item<double>(), 1.0);
}

TEST(NoiseTest, KeyFromATensorGivesTheSameValues) {
  at::Tensor out = at::empty({3, 100});
  const at::Tensor key = at::tensor({int64_t{9}, int64_t{4}}, at::kLong);
  gaussian_noise_(out, key);
  EXPECT_TRUE(at::equal(out, gaussian_noise({3, 100}, 9, 4, 0, at::kCPU)));
  uniform_noise_(out, key);
  EXPECT_TRUE(at::equal(out, uniform_noise({3, 100}, 9, 4, 0, at::kCPU)));
}

TEST(NoiseTest, RefusesAnUnfitOutputOrKey) {
  const at::Tensor key = at::zeros({2}, at::kLong);
  at::Tensor bf16 = at::empty({4}, at::kBFloat16);
  at::Tensor transposed = at::empty({4, 2}).t();
  at::Tensor good = at::empty({4});
  EXPECT_THROW(gaussian_noise_(bf16, key), base::Error);
  EXPECT_THROW(gaussian_noise_(transposed, key), base::Error);
  EXPECT_THROW(gaussian_noise_(good, at::zeros({2})), base::Error);
  EXPECT_THROW(gaussian_noise_(good, at::zeros({3}, at::kLong)), base::Error);
}

TEST(NoiseTest, EmptyShape) { EXPECT_EQ(gaussian_noise({0, 4}, 1, 0, 0, at::kCPU).numel(), 0); }

TEST(NoiseTest, CudaEqualsTheCpuBitForBit) {
  if (cuda_device_count() == 0) GTEST_SKIP() << "needs a GPU";
  const int64_t n = 3'000'000;  // more than one pass of the grid
  EXPECT_TRUE(at::equal(gaussian_noise({n}, 6, 1, 9, at::kCUDA).cpu(), flat(n, 6, 1, 9)));
  EXPECT_TRUE(at::equal(uniform_noise({n}, 6, 1, 9, at::kCUDA).cpu(),
                        uniform_noise({n}, 6, 1, 9, at::kCPU)));
}

}  // namespace
}  // namespace zoetrope::tensor

#include "nn/rotary.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

namespace zoetrope::nn {
namespace {

at::Tensor some(at::IntArrayRef shape) {
  return at::arange(c10::multiply_integers(shape), at::kFloat).mul(0.37).sin().view(shape);
}

// A rotation leaves lengths alone and scores depend on the distance of positions only.
TEST(Rotary, ScoresDependOnDistanceOnly) {
  const at::Tensor q = some({1, 1, 2, 8}), k = some({1, 1, 2, 8}).flip(-1);
  for (const auto pairs : {RotaryPairs::kNeighbours, RotaryPairs::kHalves}) {
    auto score = [&](double m, double n) {
      auto turned = [&](const at::Tensor& x, double at) {
        return rotate(x, rotary_table(at::full({1, 1, 1}, at), {8}, 10000.0), pairs);
      };
      return (turned(q, m) * turned(k, n)).sum().item<double>();
    };
    EXPECT_NEAR(score(3, 7), score(103, 107), 1e-4);
    EXPECT_GT(std::abs(score(3, 7) - score(3, 9)), 1e-3);
  }
}

TEST(Rotary, EveryAxisTurnsItsOwnChannels) {
  const at::Tensor x = some({1, 1, 1, 12});
  const at::Tensor positions = at::tensor({0.0, 5.0, 0.0}).view({1, 1, 3});
  const at::Tensor turned = rotate(x, rotary_table(positions, {4, 6, 2}, 10000.0));
  EXPECT_TRUE(at::equal(turned.slice(-1, 0, 4), x.slice(-1, 0, 4)));
  EXPECT_TRUE(at::equal(turned.slice(-1, 10), x.slice(-1, 10)));
  const double angle = 5.0 * std::pow(10000.0, -2.0 / 6.0);  // the axis' second pair
  const double a = x.flatten()[6].item<double>(), b = x.flatten()[7].item<double>();
  EXPECT_NEAR(turned.flatten()[6].item<double>(), a * std::cos(angle) - b * std::sin(angle), 1e-6);
  EXPECT_NEAR(turned.flatten()[7].item<double>(), a * std::sin(angle) + b * std::cos(angle), 1e-6);
}

TEST(Rotary, HalvesAreNeighboursInAnotherOrder) {
  const at::Tensor x = some({2, 3, 2, 8});
  const RotaryTable table = rotary_table(at::arange(3).view({1, 3, 1}), {8}, 500.0);
  const at::Tensor order = at::tensor({0, 4, 1, 5, 2, 6, 3, 7}, at::kLong);
  const at::Tensor halves = rotate(x, table, RotaryPairs::kHalves);
  EXPECT_TRUE(
      at::allclose(halves.index_select(-1, order), rotate(x.index_select(-1, order), table)));
}

}  // namespace
}  // namespace zoetrope::nn

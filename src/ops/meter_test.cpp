#include "ops/meter.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "ops/linear.h"
#include "ops/norm.h"

namespace zoetrope::ops {
namespace {

TEST(MeterTest, CountsTheArithmeticOfEveryOperation) {
  const at::Tensor x = at::randn({4, 8}), weight = at::randn({16, 8});
  const LinearWeight w = prepare_linear(weight, {});
  Meter meter(at::kCPU);
  for (int i = 0; i < 3; ++i) linear(x, w);
  layer_norm(x, at::ones(8), at::zeros(8), 1e-5);
  const auto costs = meter.costs();
  ASSERT_EQ(costs.size(), 2u);
  const OpCost& product = costs[0].op == "linear" ? costs[0] : costs[1];
  const OpCost& norm = costs[0].op == "linear" ? costs[1] : costs[0];
  EXPECT_EQ(product.op, "linear");
  EXPECT_EQ(product.shape, "4x8 * 16x8");
  EXPECT_EQ(product.calls, 3);
  EXPECT_EQ(product.work.flops, 3 * 2.0 * 4 * 8 * 16);
  EXPECT_EQ(product.work.bytes, 3 * 4.0 * (4 * 8 + 16 * 8 + 4 * 16));
  EXPECT_GT(product.seconds, 0);
  EXPECT_EQ(norm.op, "layer_norm");
  EXPECT_EQ(norm.work.bytes, 2 * 4.0 * 4 * 8);
}

TEST(MeterTest, IsSilentOnceGone) {
  { const Meter meter(at::kCPU); }
  const MeteredCall call("op", "variant");
  EXPECT_FALSE(call);
}

}  // namespace
}  // namespace zoetrope::ops

#include "tensor/tensor.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/status.h"

namespace zoetrope::tensor {
namespace {

TEST(DescribeTest, NamesTypeShapeAndDevice) {
  EXPECT_EQ(describe(at::zeros({2, 3}, at::kBFloat16)), "BFloat16[2, 3] on cpu");
  EXPECT_EQ(describe(at::Tensor()), "undefined tensor");
}

TEST(RelativeL2Test, IsTheNormOfTheDifferenceOverTheNormOfTheReference) {
  const at::Tensor expected = at::tensor({3.0f, 4.0f});
  const at::Tensor actual = at::tensor({3.0f, 4.5f});
  EXPECT_DOUBLE_EQ(relative_l2(actual, expected), 0.1);
  EXPECT_EQ(relative_l2(expected, expected), 0.0);
}

TEST(RelativeL2Test, NeverHidesAProblem) {
  const at::Tensor zero = at::zeros({2});
  EXPECT_TRUE(std::isinf(relative_l2(at::ones({2}), zero)));
  EXPECT_FALSE(relative_l2(at::full({2}, NAN), at::ones({2})) <= 1e-5);
  EXPECT_THROW(relative_l2(at::ones({2}), at::ones({2, 1})), base::Error);
}

}  // namespace
}  // namespace zoetrope::tensor

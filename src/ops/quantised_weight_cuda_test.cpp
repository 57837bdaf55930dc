// The kernel that widens quantised weights, on a GPU and emulated: every weight equals the
// reference's, to the last bit in fp32.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "ops/kernel_testing.h"
#include "ops/ladder.h"
#include "ops/quantised_weight.h"

namespace zoetrope::ops {
namespace {

struct Shape {
  int64_t out, in;
};

using DequantiseKernel = kernel_testing::OnKernelDevice<testing::Test>;

TEST_F(DequantiseKernel, EqualsTheReference) {
  std::vector<Shape> shapes = {{1, 8}, {3, 72}, {16, 64}, {5, 200}, {33, 136}};
  if (runs_big_problems()) shapes.insert(shapes.end(), {{3072, 12288}, {21504, 3072}});
  for (const Shape& s : shapes) {
    for (const WeightFormat format : {WeightFormat::kInt8, WeightFormat::kInt4}) {
      for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
        SCOPED_TRACE(std::to_string(s.out) + " x " + std::to_string(s.in) + " " +
                     std::string(to_string(format)) + " " + at::toString(dtype));
        const LinearWeight plain = prepare_linear(at::randn({s.out, s.in}), {});
        LinearWeight w = quantise(plain, format);
        const at::Tensor want = [&] {
          const ForceVariant force("dequantise", kernel_testing::exact_variant());
          return dequantise(w, dtype);
        }();
        w.weight = w.weight.to(kernel_device());
        w.scale = w.scale.to(kernel_device());
        const ForceVariant force("dequantise", "cuda");
        EXPECT_TRUE(at::equal(dequantise(w, dtype).to(at::kCPU), want));
      }
    }
  }
}

}  // namespace
}  // namespace zoetrope::ops

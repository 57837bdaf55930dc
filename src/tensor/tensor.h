// The one include for at::Tensor, and the few helpers every user of it wants.
//
// Nothing outside src/tensor includes another ATen or c10 header without need: what changes between
// torch versions is met here. Precompiled by zoetrope_library(... TORCH).
#pragma once

#include <ATen/ATen.h>

#include <string>

namespace zoetrope::tensor {

// "Float[2, 3, 4] on cpu", for error messages.
std::string describe(const at::Tensor& tensor);

// |actual - expected|_2 / |expected|_2 in fp64 on the CPU: the measure of every parity test. Shapes
// must be equal. Zero against zero is 0; anything against an all-zero `expected` is infinite, and a
// NaN on either side gives NaN, so `EXPECT_LE(relative_l2(a, b), 1e-5)` fails as it should.
double relative_l2(const at::Tensor& actual, const at::Tensor& expected);

}  // namespace zoetrope::tensor

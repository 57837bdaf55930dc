// What the tests of kernels share. They are built twice: with CUDA for a GPU (ops_cuda_test), and
// everywhere with the kernels' host emulation (ops_emulated_test).
//
// In 16 bits errors follow FlashAttention-3's rule: at most twice that of ATen run in the same
// dtype, plus one rounding. fp32 must agree to 1e-5 (relative L2). Every at::empty is filled with
// NaN first.
#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

namespace zoetrope::ops {

// Defined beside the build that is tested. Exact and naive runs take place there too: in fp64 an
// ATen of 16 cores takes minutes for what a GPU does in seconds.
at::Device kernel_device();
bool runs_big_problems();  // not where kernels are emulated or watched

namespace kernel_testing {

// The variant that says what is exact: the one in plain loops, which runs on a CPU; on a GPU ATen,
// which is held to it where kernels are emulated.
inline const char* exact_variant() { return kernel_device().is_cuda() ? "aten" : "reference"; }

// On the CPU, but drawn where it is quick.
inline at::Tensor random(at::IntArrayRef sizes) {
  return at::randn(sizes, at::TensorOptions(kernel_device()).dtype(at::kDouble)).cpu();
}

inline double relative_l2(const at::Tensor& got, const at::Tensor& want) {
  return (got - want).norm().item<double>() / (want.norm().item<double>() + 1e-30);
}

inline double largest_error(const at::Tensor& got, const at::Tensor& want) {
  return (got - want).abs().max().item<double>();
}

// All in fp64.
inline void expect_no_worse_than(const at::Tensor& naive, const at::Tensor& got,
                                 const at::Tensor& want) {
  const double rounding = want.abs().max().item<double>() * std::ldexp(1.0, -9);
  EXPECT_LE(largest_error(got, want), 2 * largest_error(naive, want) + rounding);
  EXPECT_LE(relative_l2(got, want), 2 * relative_l2(naive, want) + 1e-6);
}

template <class Base>
class OnKernelDevice : public Base {
 protected:
  void SetUp() override {
    if (kernel_device().is_cuda() && !at::hasCUDA()) GTEST_SKIP() << "no GPU in this machine";
    at::manual_seed(testing::UnitTest::GetInstance()->random_seed());
    at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/true);  // NaN in at::empty
    at::globalContext().setAllowTF32CuDNN(false);                              // fp32 is to be fp32
  }
  void TearDown() override { at::globalContext().setDeterministicAlgorithms(false, false); }
};

}  // namespace kernel_testing
}  // namespace zoetrope::ops

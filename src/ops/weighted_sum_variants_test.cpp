// weighted_sum's variants against fp64 and each other.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/status.h"
#include "ops/kernel_testing.h"
#include "ops/ladder.h"
#include "ops/weighted_sum.h"

namespace zoetrope::ops {
namespace {

using at::Tensor;
using namespace kernel_testing;

using WeightedSumVariants = OnKernelDevice<testing::Test>;

Tensor run(const std::vector<Term>& terms, const char* variant) {
  const ForceVariant force("weighted_sum", variant);
  return weighted_sum(terms);
}

std::vector<Term> widened(std::vector<Term> terms) {
  for (Term& term : terms) term.tensor = term.tensor.to(at::kDouble);
  return terms;
}

// A latent and its history in fp32 beside outputs of the network in bf16, as a step has them.
std::vector<Term> step(int64_t count, int64_t tensors) {
  std::vector<Term> terms;
  for (int64_t j = 0; j < tensors; ++j) {
    const at::ScalarType dtype = j % 2 == 0 ? at::kFloat : at::kBFloat16;
    terms.push_back(
        {0.75 - 0.3 * static_cast<double>(j), random({count}).to(kernel_device(), dtype)});
  }
  return terms;
}

TEST_F(WeightedSumVariants, AgreeWithFp64) {
  std::vector<int64_t> counts = {1, 3, 4, 1023, 4096, 5003};
  if (runs_big_problems()) counts.push_back(33'554'435);
  for (const int64_t count : counts) {
    for (const int64_t tensors : {1, 2, 4, 8}) {
      SCOPED_TRACE(std::to_string(tensors) + " of " + std::to_string(count));
      const std::vector<Term> terms = step(count, tensors);
      const Tensor want = run(widened(terms), "aten");
      const Tensor got = run(terms, "cuda");
      EXPECT_EQ(got.scalar_type(), at::kFloat);
      // Rounding is measured on the terms: they may cancel.
      std::vector<Term> sizes = widened(terms);
      for (Term& term : sizes) term = {std::abs(term.weight), term.tensor.abs()};
      const Tensor size = run(sizes, "aten");
      EXPECT_LE((got.to(at::kDouble) - want).norm().item<double>(),
                1e-6 * size.norm().item<double>());
    }
  }
}

TEST_F(WeightedSumVariants, BranchesAreViewsOfOneOutput) {
  const Tensor output = random({3, 2, 5, 4}).to(kernel_device(), at::kBFloat16);
  const auto branches = output.chunk(3);
  const std::vector<Term> terms = {{-5, branches[0]}, {1.5, branches[1]}, {4.5, branches[2]}};
  const Tensor got = run(terms, "cuda");
  EXPECT_EQ(got.sizes(), at::IntArrayRef({1, 2, 5, 4}));
  EXPECT_TRUE(at::allclose(got.to(at::kDouble), run(widened(terms), "aten"), 1e-6, 1e-5));
}

TEST_F(WeightedSumVariants, WhatHasNoWeightDoesNotMatter) {
  std::vector<Term> terms = step(64, 2);
  const Tensor want = run(terms, "cuda");
  terms.push_back({0, at::full({64}, std::numeric_limits<float>::infinity(), want.options())});
  terms.push_back({0, Tensor()});
  EXPECT_TRUE(at::equal(run(terms, "cuda"), want));
  EXPECT_THROW(weighted_sum({{0, want}}), base::Error);
}

TEST_F(WeightedSumVariants, NanStaysWhereItIs) {
  std::vector<Term> terms = step(70, 3);
  terms[1].tensor[68].fill_(NAN);
  for (const char* variant : {"cuda", "aten"}) {
    const Tensor got = run(terms, variant);
    EXPECT_TRUE(got[68].isnan().item<bool>());
    EXPECT_EQ(got.isnan().sum().item<int64_t>(), 1);
  }
}

// Nine terms, half a vector off, fp64: ATen's.
TEST_F(WeightedSumVariants, WhatTheKernelRefuses) {
  std::vector<Term> odd = step(67, 2);
  for (Term& term : odd) term.tensor = term.tensor.narrow(0, 1, 64);
  for (const std::vector<Term>& terms : {step(64, 9), odd, widened(step(64, 2))}) {
    EXPECT_THROW(run(terms, "cuda"), base::Error);
    EXPECT_TRUE(at::equal(weighted_sum(terms), run(terms, "aten")));
  }
}

}  // namespace
}  // namespace zoetrope::ops

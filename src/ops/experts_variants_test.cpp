// The variants of grouped_linear and gather_sum against the fp64 reference.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "ops/cuda_device.cuh"
#include "ops/experts.h"
#include "ops/kernel_testing.h"
#include "ops/ladder.h"
#include "ops/quantise.h"

namespace zoetrope::ops {

namespace {

using at::Tensor;
using namespace kernel_testing;

double error(const Tensor& got, const Tensor& want) {
  return relative_l2(got.to(at::kCPU, at::kDouble), want);
}

class ExpertsVariants : public OnKernelDevice<testing::TestWithParam<at::ScalarType>> {
 protected:
  Tensor rounded(const Tensor& t) const { return t.to(GetParam()).to(at::kDouble); }
  Tensor here(const Tensor& t) const { return t.to(kernel_device(), GetParam()); }
};

// Some groups are empty, the first and the last too.
TEST_P(ExpertsVariants, GroupedLinear) {
  struct Size {
    std::vector<int> ends;
    int64_t in, out;
  };
  std::vector<Size> sizes = {{{3, 3, 10, 17}, 16, 24}, {{0, 1, 1}, 8, 8}, {{40}, 64, 32}};
  if (runs_big_problems()) sizes.push_back({{2000, 2000, 5001, 8448}, 2560, 512});
  for (const Size& s : sizes) {
    const Tensor x = rounded(random({s.ends.back(), s.in}));
    const Tensor weight = rounded(random({static_cast<int64_t>(s.ends.size()), s.out, s.in}));
    const Tensor ends = at::tensor(s.ends, at::kInt);
    const auto run = [&](const char* variant, const Tensor& a, const Tensor& b, const Tensor& e) {
      const ForceVariant force("grouped_linear", variant);
      return grouped_linear(a, {.weight = b, .scale = {}}, e);
    };
    const at::Device there = kernel_device();
    const Tensor want = run(exact_variant(), x.to(there), weight.to(there), ends).cpu();
    EXPECT_LE(error(run("aten", x.to(there), weight.to(there), ends), want), 1e-12);
    const double naive = error(run("aten", here(x), here(weight), ends), want);
    if (GetParam() != at::kBFloat16) {
      EXPECT_LE(naive, 1e-5);
      continue;  // the grouped product is bf16's
    }
    const Tensor got = run("cuda", here(x), here(weight), ends.to(kernel_device()));
    EXPECT_LE(error(got, want), 2 * naive + 1e-6);
    EXPECT_TRUE(at::equal(got, run("cuda", here(x), here(weight), ends.to(kernel_device()))));
  }
}

// fp8 against its own codes in fp64: tight, but for the result's rounding to bf16.
TEST_P(ExpertsVariants, GroupedLinearOfFp8) {
  const Tensor ends = at::tensor({5, 5, 40}, at::kInt);
  const Rows x = quantise_rows(random({40, 64}).to(GetParam()));
  const Rows w = quantise_rows(random({3 * 32, 64}).to(GetParam()));
  const GroupedWeight exact{dequantise(w, at::kDouble).view({3, 32, 64}), {}};
  const Tensor want = grouped_linear(dequantise(x, at::kDouble), exact, ends);
  const auto run = [&](const char* variant, at::Device device) {
    const ForceVariant force("grouped_linear", variant);
    const GroupedWeight weight{w.values.view({3, 32, 64}).to(device),
                               w.scale.view({3, 32}).to(device), at::kBFloat16};
    return grouped_linear({x.values.to(device), x.scale.to(device)}, weight, ends.to(device));
  };
  EXPECT_LE(error(run("aten", at::kCPU), want), 3e-3);
  if (kernel_device().is_cuda()) {
    EXPECT_LE(error(run("cuda", kernel_device()), want), 3e-3);
    const Rows rows{x.values.to(kernel_device()), x.scale.to(kernel_device())};
    const Tensor order = at::randperm(40).to(kernel_device());
    EXPECT_TRUE(at::equal(dequantise(select_rows(rows, order), at::kFloat),
                          dequantise(rows, at::kFloat).index_select(0, order)));
  }
}

TEST_P(ExpertsVariants, GatherSum) {
  struct Size {
    int64_t rows, channels, terms;
  };
  std::vector<Size> sizes = {{1, 8, 1}, {7, 40, 2}, {300, 96, 3}, {3, 2560, 2}};
  if (runs_big_problems()) sizes.push_back({8448, 2560, 2});
  for (const Size& s : sizes) {
    const Tensor from = rounded(random({s.rows * s.terms, s.channels}));
    const Tensor base = rounded(random({s.rows, s.channels}));
    const Tensor weight = at::rand({s.rows, s.terms});
    const Tensor slot = at::randperm(s.rows * s.terms).view({s.rows, s.terms});
    const auto run = [&](const char* variant, const Tensor& a, const Tensor& b) {
      const ForceVariant force("gather_sum", variant);
      return gather_sum(a, slot.to(a.device()), weight.to(a.device()), b);
    };
    const at::Device there = kernel_device();
    const Tensor want = run(exact_variant(), from.to(there), base.to(there)).cpu();
    const double naive = error(run("aten", here(from), here(base)), want);
    const Tensor got = run("cuda", here(from), here(base));
    const double most = GetParam() == at::kFloat ? 1e-5 : 2 * naive + 1e-6;
    EXPECT_LE(error(got, want), most);
    EXPECT_LE(naive, most);
    EXPECT_TRUE(at::equal(got, run("cuda", here(from), here(base)))) << "not deterministic";
  }
}

INSTANTIATE_TEST_SUITE_P(Dtypes, ExpertsVariants, testing::Values(at::kFloat, at::kBFloat16),
                         [](const auto& info) { return std::string(at::toString(info.param)); });

}  // namespace
}  // namespace zoetrope::ops

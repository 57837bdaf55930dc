// The CUDA variants, forward and backward, against fp64 ATen.
#include <ATen/ATen.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "ops/activation.h"
#include "ops/attention.h"
#include "ops/cuda_device.cuh"
#include "ops/kernel_testing.h"
#include "ops/ladder.h"
#include "ops/norm.h"
#include "tensor/dry_run.h"
#include "tensor/memory.h"

namespace zoetrope::ops {

namespace {

using at::Tensor;
using namespace kernel_testing;
using Inputs = std::vector<Tensor>;

struct Case {
  std::string op;
  std::string label;
  Inputs inputs;  // fp64 on the CPU
  std::function<Tensor(const Inputs&)> run;
};

// The result and the gradient of every input, in fp64. The op's incoming gradient is `dy`, which
// the first run draws.
Inputs evaluate(const Case& c, const char* variant, at::ScalarType dtype, Tensor& dy) {
  Inputs leaves;
  for (const Tensor& t : c.inputs) {
    leaves.push_back(t.to(kernel_device(), dtype).contiguous().detach().requires_grad_(true));
  }
  const ForceVariant force(c.op, variant);
  const Tensor y = c.run(leaves);
  if (!dy.defined()) dy = random(y.sizes()).to(at::kBFloat16);
  y.backward(dy.to(kernel_device(), dtype));
  Inputs out = {y.detach().to(at::kDouble)};
  for (const Tensor& leaf : leaves) out.push_back(leaf.grad().to(at::kDouble));
  return out;
}

void check(Case c, at::ScalarType dtype) {
  SCOPED_TRACE(c.label + " " + at::toString(dtype));
  for (Tensor& t : c.inputs) t = t.to(dtype).to(at::kDouble);
  Tensor dy;
  const Inputs got = evaluate(c, "cuda", dtype, dy);
  const Inputs again = evaluate(c, "cuda", dtype, dy);
  const Inputs want = evaluate(c, "aten", at::kDouble, dy);
  const Inputs naive = evaluate(c, "aten", dtype, dy);
  for (size_t i = 0; i < got.size(); ++i) {
    SCOPED_TRACE(i == 0 ? "result" : "gradient of input " + std::to_string(i - 1));
    EXPECT_TRUE(at::equal(got[i], again[i])) << "not deterministic";
    if (dtype == at::kFloat) {
      // A gradient may vanish (one position a group): its noise is then measured on inputs' scale.
      const double floor = 1e-6 * std::sqrt(static_cast<double>(want[i].numel()));
      EXPECT_LE((got[i] - want[i]).norm().item<double>(),
                1e-5 * want[i].norm().item<double>() + floor);
    } else {
      expect_no_worse_than(naive[i], got[i], want[i]);
    }
  }
}

using CudaVariants = OnKernelDevice<testing::TestWithParam<at::ScalarType>>;

struct NormSize {
  int64_t n, positions, channels, groups;
};

Case group_norm_case(const NormSize& s, bool modulated, Activation activation) {
  Inputs inputs = {random({s.n, s.positions, s.channels}) * 2 + random({1, 1, s.channels}),
                   random({s.channels}) + 1, random({s.channels})};
  if (modulated) inputs.push_back(random({s.n, 2 * s.channels}) * 0.5);
  const auto run = [=](const Inputs& in) {
    GroupNormParameters p{s.groups, 1e-5, in[1], in[2], activation, {}, {}};
    if (modulated) {
      const auto halves = in[3].chunk(2, -1);
      p.scale = halves[0];
      p.shift = halves[1];
    }
    return group_norm(in[0], p);
  };
  return {"group_norm",
          "n " + std::to_string(s.n) + " positions " + std::to_string(s.positions) + " channels " +
              std::to_string(s.channels) + " groups " + std::to_string(s.groups) +
              (modulated ? " modulated" : ""),
          inputs, run};
}

TEST_P(CudaVariants, GroupNorm) {
  std::vector<NormSize> sizes = {{1, 2, 8, 1},     {2, 7, 16, 2},    {3, 300, 128, 8},
                                 {2, 33, 320, 32}, {1, 9, 2048, 32}, {5, 513, 24, 3},
                                 {1, 20, 1040, 1}};
  if (runs_big_problems()) {
    sizes.insert(sizes.end(), {{1024, 256, 128, 8},
                               {64, 4096, 128, 8},
                               {256, 256, 256, 16},
                               {16, 16384, 32, 2},
                               {3, 4096, 320, 32},
                               {1, 8200, 2048, 32}});
  }
  for (const NormSize& s : sizes) {
    check(group_norm_case(s, true, Activation::kSilu), GetParam());
    check(group_norm_case(s, false, Activation::kNone), GetParam());
    check(group_norm_case(s, false, Activation::kSilu), GetParam());
  }
}

TEST_P(CudaVariants, GroupNormFarFromZero) {
  Case c = group_norm_case({2, 100, 32, 2}, false, Activation::kNone);
  c.inputs[0] = c.inputs[0] + 1000;
  const at::ScalarType dtype = GetParam();
  for (Tensor& t : c.inputs) t = t.to(dtype).to(at::kDouble);
  Tensor dy;
  const Tensor want = evaluate(c, "aten", at::kDouble, dy)[0];
  const double naive = relative_l2(evaluate(c, "aten", dtype, dy)[0], want);
  EXPECT_LE(relative_l2(evaluate(c, "cuda", dtype, dy)[0], want), 2 * naive + 1e-6);
}

TEST_P(CudaVariants, LayerNorm) {
  std::vector<std::pair<int64_t, int64_t>> sizes = {{1, 8},    {5, 40},   {200, 128}, {33, 320},
                                                    {7, 1024}, {600, 16}, {2, 1016}};
  if (runs_big_problems()) sizes.insert(sizes.end(), {{262144, 128}, {4099, 768}, {100000, 192}});
  for (const auto& [rows, channels] : sizes) {
    check({"layer_norm",
           std::to_string(rows) + " x " + std::to_string(channels),
           {random({rows, channels}) * 3 + 1, random({channels}), random({channels})},
           [](const Inputs& in) { return layer_norm(in[0], in[1], in[2], 1e-5); }},
          GetParam());
  }
}

TEST_P(CudaVariants, Geglu) {
  std::vector<std::pair<int64_t, int64_t>> sizes = {{1, 8}, {5, 24}, {300, 256}};
  if (runs_big_problems()) sizes.insert(sizes.end(), {{65536, 256}, {1000, 5120}});
  for (const auto& [rows, channels] : sizes) {
    check({"geglu",
           std::to_string(rows) + " x " + std::to_string(channels),
           {random({rows, 2 * channels}) * 2},
           [](const Inputs& in) { return geglu(in[0]); }},
          GetParam());
  }
}

TEST_P(CudaVariants, TemporalAttention) {
  struct Size {
    int64_t b, f, p, heads, d;
  };
  std::vector<Size> sizes = {{1, 1, 1, 1, 32},  {2, 5, 3, 2, 64},  {1, 16, 7, 4, 32},
                             {1, 17, 2, 1, 32}, {1, 32, 2, 3, 64}, {1, 16, 3, 1, 64}};
  if (runs_big_problems()) sizes.insert(sizes.end(), {{8, 16, 256, 4, 32}, {2, 24, 100, 5, 64}});
  for (const Size& s : sizes) {
    const std::string label = std::to_string(s.f) + " frames, " + std::to_string(s.p) +
                              " positions, " + std::to_string(s.heads) + " heads of " +
                              std::to_string(s.d);
    check({"temporal_attention",
           label + ", fused",
           {random({s.b, s.f, s.p, 3, s.heads, s.d})},
           [](const Inputs& in) { return temporal_attention(in[0]); }},
          GetParam());
    const std::vector<int64_t> one = {s.b, s.f, s.p, s.heads, s.d};
    check({"temporal_attention",
           label,
           {random(one), random(one), random(one)},
           [](const Inputs& in) { return temporal_attention(in[0], in[1], in[2]); }},
          GetParam());
  }
}

// A sample's bytes are the same alone and in a batch.
TEST_P(CudaVariants, BatchDoesNotMatter) {
  const auto options = at::TensorOptions(kernel_device()).dtype(GetParam());
  const Tensor x = random({3, 300, 64}).to(options);
  const Tensor weight = random({64}).to(options), bias = random({64}).to(options);
  const GroupNormParameters p{4, 1e-5, weight, bias, Activation::kSilu, {}, {}};
  const ForceVariant group("group_norm", "cuda"), layer("layer_norm", "cuda");
  EXPECT_TRUE(at::equal(group_norm(x, p)[1], group_norm(x.slice(0, 1, 2).clone(), p)[0]));
  EXPECT_TRUE(at::equal(layer_norm(x, weight, bias, 1e-5)[1],
                        layer_norm(x.slice(0, 1, 2).clone(), weight, bias, 1e-5)[0]));
}

// Parameters that are slices of a flat buffer, off the 16-byte boundaries, and an expanded
// gradient.
TEST_P(CudaVariants, ParametersMayStartAnywhere) {
  const auto leaf = [](const Tensor& t) { return t.detach().requires_grad_(true); };
  const auto options = at::TensorOptions(kernel_device()).dtype(GetParam());
  const Tensor flat = random({3 + 2 * 64}).to(options);
  const Tensor weight = flat.slice(0, 3, 67), bias = flat.slice(0, 67, 131);
  const Tensor x = random({2, 40, 64}).to(options);
  const ForceVariant group("group_norm", "cuda"), layer("layer_norm", "cuda");
  const auto both = [&](const Tensor& w, const Tensor& b) {
    const GroupNormParameters p{4, 1e-5, w, b, Activation::kSilu, {}, {}};
    return group_norm(x, p) + layer_norm(x, w, b, 1e-5);
  };
  const Tensor w = leaf(weight), b = leaf(bias), w2 = leaf(weight.clone()), b2 = leaf(bias.clone());
  const Tensor got = both(w, b), want = both(w2, b2);
  got.sum().backward();
  want.sum().backward();
  EXPECT_TRUE(at::equal(got, want));
  EXPECT_TRUE(at::equal(w.grad(), w2.grad()));
  EXPECT_TRUE(at::equal(b.grad(), b2.grad()));
}

// A dry run takes the kernels' memory and starts none. Sizes are multiples of a GPU's blocks.
TEST_P(CudaVariants, DryRunsAllocateTheSame) {
  const std::vector<Case> cases = {
      group_norm_case({2, 64, 128, 1}, true, Activation::kSilu),
      {"layer_norm",
       "layer_norm",
       {random({256, 128}), random({128}), random({128})},
       [](const Inputs& in) { return layer_norm(in[0], in[1], in[2], 1e-5); }},
      {"geglu", "geglu", {random({64, 512})}, [](const Inputs& in) { return geglu(in[0]); }}};
  const c10::NoGradGuard no_gradients;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.label);
    const ForceVariant force(c.op, "cuda");
    Inputs real, shapes;
    for (const Tensor& t : c.inputs) real.push_back(t.to(kernel_device(), GetParam()));
    const tensor::AllocationPeak taken;
    const Tensor want = c.run(real);
    const tensor::DryRun dry(at::Device(at::kCUDA, 0));
    for (const Tensor& t : real) shapes.push_back(at::empty_like(t, at::kMeta));
    const int64_t before = dry.live_bytes(), begin = dry.now();
    const Tensor got = c.run(shapes);
    EXPECT_EQ(got.sizes(), want.sizes());
    EXPECT_EQ(dry.live_bytes() - before, taken.live_bytes());
    EXPECT_NEAR(dry.peak_bytes(begin) - before, taken.peak_bytes(), 3 * 512);
  }
}

INSTANTIATE_TEST_SUITE_P(Dtypes, CudaVariants, testing::Values(at::kFloat, at::kBFloat16),
                         [](const auto& info) { return std::string(at::toString(info.param)); });

}  // namespace
}  // namespace zoetrope::ops

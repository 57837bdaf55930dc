// The CPU variants of every op against the fp64 reference. bf16 by FlashAttention-3's rule: the
// error is at most twice that of a naive run in bf16, plus one rounding. fp32 to 1e-5 (relative
// L2). Every at::empty is filled with NaN first.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "base/status.h"
#include "kernels/common/cpu_features.h"
#include "ops/activation.h"
#include "ops/attention.h"
#include "ops/conv.h"
#include "ops/ladder.h"
#include "ops/linear.h"
#include "ops/norm.h"

namespace zoetrope::ops {
namespace {

using at::Tensor;
using Inputs = std::vector<Tensor>;

struct Case {
  std::string op;
  std::string label;
  Inputs inputs;  // fp64
  std::function<Tensor(const Inputs&)> run;
};

Tensor random(at::IntArrayRef sizes) { return at::randn(sizes, at::kDouble); }

std::string sizes_of(const Inputs& inputs) {
  std::string out;
  for (const Tensor& t : inputs) {
    for (const int64_t size : t.sizes()) out += std::to_string(size) + " ";
    out += "| ";
  }
  return out;
}

Case attention_case(int64_t b, int64_t nq, int64_t nk, int64_t heads, int64_t d) {
  const Inputs in = {random({b, nq, heads, d}), random({b, nk, 2, heads, d})};
  return {"attention", sizes_of(in), in,
          [](const Inputs& t) { return attention(t[0], t[1].select(2, 0), t[1].select(2, 1)); }};
}

Case shared_case(int64_t b, int64_t clips, int64_t n, int64_t shared, int64_t heads, int64_t d) {
  const Inputs in = {random({b, n, 3, heads, d}), random({clips, shared, 2, heads, d})};
  return {"attention", sizes_of(in), in, [](const Inputs& t) {
            const SharedKeys keys{t[1].select(2, 0), t[1].select(2, 1)};
            return attention(t[0].select(2, 0), t[0].select(2, 1), t[0].select(2, 2), keys);
          }};
}

Case temporal_case(int64_t b, int64_t f, int64_t p, int64_t heads, int64_t d) {
  const Inputs in = {random({b, f, p, 3, heads, d})};
  return {"temporal_attention", sizes_of(in), in,
          [](const Inputs& t) { return temporal_attention(t[0]); }};
}

Case group_norm_case(int64_t n, int64_t positions, int64_t c, int64_t groups, bool modulated,
                     Activation activation) {
  Inputs in = {random({n, positions, c}) * 2 + random({1, 1, c}), random({c}) + 1, random({c})};
  if (modulated) in.push_back(random({n, 2 * c}) * 0.5);
  return {"group_norm", sizes_of(in) + std::to_string(groups), in, [=](const Inputs& t) {
            GroupNormParameters p{groups, 1e-5, t[1], t[2], activation, {}, {}};
            if (modulated) {
              p.scale = t[3].slice(1, 0, c);
              p.shift = t[3].slice(1, c, 2 * c);
            }
            return group_norm(t[0], p);
          }};
}

Case layer_norm_case(int64_t rows, int64_t c) {
  const Inputs in = {random({rows, c}) * 3 + 1, random({c}), random({c})};
  return {"layer_norm", sizes_of(in), in,
          [](const Inputs& t) { return layer_norm(t[0], t[1], t[2], 1e-5); }};
}

Case geglu_case(int64_t rows, int64_t c) {
  const Inputs in = {random({rows, 2 * c}) * 2};
  return {"geglu", sizes_of(in), in, [](const Inputs& t) { return geglu(t[0]); }};
}

struct LinearShape {
  int64_t samples, rows, in, out;
  bool bias = true, gated = false, norm = false, residual = false;
  int64_t positions = 0;  // rows of the table; 0 = none
};

Case linear_case(const LinearShape& s) {
  const Tensor none = at::empty({0}, at::kDouble);
  const int64_t width = s.gated ? s.out / 2 : s.out;
  const Inputs inputs = {random({s.samples, s.rows, s.in}) * 2 + 1,
                         random({s.out, s.in}) / std::sqrt(static_cast<double>(s.in)),
                         s.bias ? random({s.out}) : none,
                         s.norm ? random({s.in}) + 1 : none,
                         s.norm ? random({s.in}) : none,
                         s.positions > 0 ? random({s.positions, s.in}) : none,
                         s.residual ? random({s.samples, s.rows, width}) : none};
  return {"linear", sizes_of(inputs), inputs, [s](const Inputs& t) {
            const auto given = [&](size_t i) { return t[i].numel() > 0 ? t[i] : Tensor(); };
            LinearFusion fusion{given(3), given(4), 1e-5, given(5), 1, given(6)};
            if (s.positions > 0) fusion.position_repeat = s.rows / s.positions;
            return linear(t[0], prepare_linear(t[1], given(2), s.gated), fusion);
          }};
}

std::vector<Case> linear_cases() {
  return {linear_case({2, 1, 2, 1}),
          linear_case({2, 7, 34, 5, false}),
          linear_case({2, 300, 128, 96}),
          linear_case({1, 9, 48, 64, true, true}),
          linear_case({3, 12, 64, 40, true, false, true, true, 4}),
          linear_case({2, 64, 128, 512, true, true, true, false, 64}),
          linear_case({2, 21, 16, 128, true, true, false, true})};
}

struct ConvShape {
  int64_t n, height, width, in, out, groups;
  bool modulated = false, residual = false;
  int64_t kernel_width = 3;
};

Case conv_case(const ConvShape& s) {
  const double scale = 1 / std::sqrt(static_cast<double>(3 * s.kernel_width * s.in));
  Inputs in = {random({s.n, s.height, s.width, s.in}) * 2 + random({1, 1, 1, s.in}),
               random({s.in}) + 1, random({s.in}), random({s.out, s.in, 3, s.kernel_width}) * scale,
               random({s.out})};
  if (s.modulated) in.push_back(random({s.n, 2 * s.in}) * 0.5);
  if (s.residual) in.push_back(random({s.n, s.height, s.width, s.out}));
  return {"normed_conv", sizes_of(in), in, [s](const Inputs& t) {
            GroupNormParameters norm{s.groups, 1e-5, t[1], t[2], Activation::kSilu, {}, {}};
            if (s.modulated) {
              norm.scale = t[5].slice(1, 0, s.in);
              norm.shift = t[5].slice(1, s.in, 2 * s.in);
            }
            const ConvGeometry geometry{{1, 1}, {1, s.kernel_width / 2}, false};
            return normed_conv(t[0], norm, prepare_conv(t[3], t[4], geometry),
                               s.residual ? t.back() : Tensor());
          }};
}

// Without a norm, of an enlarged picture.
Case enlarged_case(int64_t n, int64_t height, int64_t width, int64_t in, int64_t out) {
  const double scale = 1 / std::sqrt(static_cast<double>(9 * in));
  const Inputs inputs = {random({n, height, width, in}), random({out, in, 3, 3}) * scale,
                         random({out})};
  return {"conv", sizes_of(inputs), inputs, [](const Inputs& t) {
            const ConvWeight weight = prepare_conv(t[1], t[2], {{1, 1}, {1, 1}, true});
            return enlarged_conv2d(t[0], 2 * t[0].size(1), 2 * t[0].size(2), weight);
          }};
}

std::vector<Case> conv_cases() {
  return {enlarged_case(1, 1, 1, 32, 32),
          enlarged_case(2, 8, 8, 128, 128),
          enlarged_case(3, 5, 11, 64, 32),
          conv_case({6, 8, 8, 16, 8, 1}),
          conv_case({3, 8, 8, 32, 32, 4, true, true}),
          conv_case({2, 16, 16, 128, 128, 8, true, true}),
          conv_case({1, 8, 34, 48, 72, 3, false, true}),
          conv_case({5, 10, 8, 16, 32, 2, true}),
          conv_case({33, 2, 1, 16, 8, 1, false, false, 1}),
          conv_case({2, 16, 21, 128, 128, 8, true, true, 1}),
          conv_case({3, 4, 8, 48, 40, 3, false, true, 1})};
}

std::vector<Case> cases() {
  return {attention_case(1, 1, 1, 1, 32),
          attention_case(3, 7, 40, 2, 32),
          attention_case(2, 256, 512, 4, 32),
          attention_case(1, 300, 77, 3, 64),
          attention_case(1, 515, 33, 1, 128),
          shared_case(6, 2, 65, 70, 2, 32),
          shared_case(4, 4, 3, 1, 1, 64),
          temporal_case(1, 1, 1, 1, 32),
          temporal_case(2, 16, 9, 4, 32),
          temporal_case(1, 17, 3, 2, 64),
          group_norm_case(1, 2, 16, 1, false, Activation::kNone),
          group_norm_case(2, 7, 16, 2, true, Activation::kSilu),
          group_norm_case(3, 300, 128, 8, true, Activation::kSilu),
          group_norm_case(2, 33, 320, 32, false, Activation::kSilu),
          group_norm_case(1, 65, 2048, 32, false, Activation::kSilu),
          layer_norm_case(1, 16),
          layer_norm_case(5, 48),
          layer_norm_case(333, 128),
          layer_norm_case(7, 2048),
          geglu_case(1, 16),
          geglu_case(5, 48),
          geglu_case(300, 256)};
}

std::vector<Case> all_cases() {
  std::vector<Case> all = cases();
  for (const auto& more : {linear_cases(), conv_cases()}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

Tensor evaluate(const Case& c, const char* variant, at::ScalarType dtype) {
  Inputs in;
  for (const Tensor& t : c.inputs) in.push_back(t.to(dtype));
  const ForceVariant force(c.op, variant);
  return c.run(in).to(at::kDouble);
}

void round_inputs(Case& c, at::ScalarType dtype) {
  for (Tensor& t : c.inputs) t = t.to(dtype).to(at::kDouble);
}

double largest_error(const Tensor& got, const Tensor& want) {
  return (got - want).abs().max().item<double>();
}

double relative_l2(const Tensor& got, const Tensor& want) {
  return (got - want).norm().item<double>() / want.norm().item<double>();
}

class CpuVariants : public testing::Test {
 protected:
  void SetUp() override {
    at::manual_seed(testing::UnitTest::GetInstance()->random_seed());
    at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/true);  // NaN in at::empty
  }
  void TearDown() override { at::globalContext().setDeterministicAlgorithms(false, false); }
};

class Avx512Variants : public CpuVariants {
 protected:
  void SetUp() override {
    CpuVariants::SetUp();
    if (!kernels::has_avx512_bf16()) GTEST_SKIP() << "this processor has no AVX-512 BF16";
  }
};

TEST_F(CpuVariants, AtenAgreesWithTheReference) {
  for (Case& c : cases()) {
    SCOPED_TRACE(c.op + " " + c.label);
    EXPECT_LE(relative_l2(evaluate(c, "aten", at::kDouble), evaluate(c, "reference", at::kDouble)),
              c.op == "temporal_attention" ? 1e-6 : 1e-12);  // its softmax is fp32 by design
    round_inputs(c, at::kFloat);
    EXPECT_LE(relative_l2(evaluate(c, "aten", at::kFloat), evaluate(c, "reference", at::kDouble)),
              1e-5);
  }
}

TEST_F(CpuVariants, SingleLinearAgreesWithTheReference) {
  for (Case& c : linear_cases()) {
    SCOPED_TRACE(c.label);
    round_inputs(c, at::kFloat);
    const Tensor want = evaluate(c, "reference", at::kDouble);
    for (const char* variant : {"aten", "onednn"}) {
      EXPECT_LE(relative_l2(evaluate(c, variant, at::kFloat), want), 1e-5) << variant;
    }
  }
}

// "aten" rounds after every step: the naive run.
TEST_F(Avx512Variants, LinearAgreesWithTheReference) {
  for (Case& c : linear_cases()) {
    SCOPED_TRACE(c.label);
    round_inputs(c, at::kBFloat16);
    const Tensor want = evaluate(c, "reference", at::kDouble);
    const double naive = relative_l2(evaluate(c, "aten", at::kBFloat16), want);
    for (const char* variant : {"avx512", "onednn"}) {
      EXPECT_LE(relative_l2(evaluate(c, variant, at::kBFloat16), want), 2 * naive + 1e-6)
          << variant;
    }
  }
}

TEST_F(CpuVariants, SingleConvolutionAgreesWithTheReference) {
  for (Case& c : conv_cases()) {
    SCOPED_TRACE(c.label);
    round_inputs(c, at::kFloat);
    EXPECT_LE(relative_l2(evaluate(c, "aten", at::kFloat), evaluate(c, "reference", at::kDouble)),
              1e-5);
  }
}

TEST_F(Avx512Variants, ConvolutionAgreesWithTheReference) {
  for (Case& c : conv_cases()) {
    SCOPED_TRACE(c.label);
    round_inputs(c, at::kBFloat16);
    const Tensor want = evaluate(c, "reference", at::kDouble);
    EXPECT_LE(relative_l2(evaluate(c, "avx512", at::kBFloat16), want),
              2 * relative_l2(evaluate(c, "aten", at::kBFloat16), want));
  }
}

TEST_F(Avx512Variants, AgreeWithTheReference) {
  for (Case& c : cases()) {
    SCOPED_TRACE(c.op + " " + c.label);
    round_inputs(c, at::kBFloat16);
    const Tensor want = evaluate(c, "reference", at::kDouble);
    const Tensor naive = evaluate(c, "aten", at::kBFloat16);
    const Tensor got = evaluate(c, "avx512", at::kBFloat16);
    const double rounding = want.abs().max().item<double>() * std::ldexp(1.0, -9);
    EXPECT_LE(largest_error(got, want), 2 * largest_error(naive, want) + rounding);
    EXPECT_LE(relative_l2(got, want), 2 * relative_l2(naive, want));
  }
}

TEST_F(Avx512Variants, ThreadsDoNotChangeAByte) {
  const int before = at::get_num_threads();
  for (const Case& c : all_cases()) {
    SCOPED_TRACE(c.op + " " + c.label);
    at::set_num_threads(1);
    const Tensor one = evaluate(c, "avx512", at::kBFloat16);
    at::set_num_threads(2);
    EXPECT_TRUE(at::equal(one, evaluate(c, "avx512", at::kBFloat16)));
  }
  at::set_num_threads(before);
}

TEST_F(Avx512Variants, ASampleIsTheSameAloneAndInABatch) {
  for (const Case& c :
       {attention_case(3, 70, 40, 2, 32), temporal_case(3, 16, 5, 4, 32),
        group_norm_case(3, 300, 64, 4, true, Activation::kSilu),
        linear_case({3, 12, 64, 40, true, false, true, true}),
        conv_case({3, 8, 10, 32, 24, 4, true, true}), enlarged_case(3, 5, 6, 32, 32)}) {
    SCOPED_TRACE(c.op);
    Case alone = c;
    for (Tensor& t : alone.inputs) {
      if (t.dim() > 1 && t.size(0) == 3) t = t.slice(0, 1, 2).clone();
    }
    EXPECT_TRUE(at::equal(evaluate(c, "avx512", at::kBFloat16)[1],
                          evaluate(alone, "avx512", at::kBFloat16)[0]));
  }
}

// oneDNN picks its kernels by size: a clip must not notice the clips beside it.
TEST_F(CpuVariants, LinearAndConvolutionDoNotNoticeTheBatch) {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    if (dtype == at::kBFloat16 && !kernels::has_avx512_bf16()) continue;
    const Tensor x = random({3, 4096, 128}).to(dtype);
    const Tensor w = random({384, 128}).to(dtype), b = random({384}).to(dtype);
    for (const char* variant : {"onednn", "avx512"}) {
      if (dtype == at::kFloat && variant == std::string("avx512")) continue;
      const ForceVariant force("linear", variant);
      const LinearWeight weight = prepare_linear(w, b);
      EXPECT_TRUE(at::equal(linear(x, weight)[1], linear(x.slice(0, 1, 2).clone(), weight)[0]));
    }
    const Tensor images = x.view({48, 16, 16, 128});
    const Tensor kernel = random({64, 128, 3, 3}).to(dtype);
    const ConvWeight weight = prepare_conv(kernel, {}, {{1, 1}, {1, 1}, false});
    EXPECT_TRUE(at::equal(conv2d(images, weight).slice(0, 16, 32),
                          conv2d(images.slice(0, 16, 32).clone(), weight)));
  }
}

TEST_F(Avx512Variants, ExtremeScoresStayFinite) {
  Case c = attention_case(1, 16, 40, 1, 32);
  for (Tensor& t : c.inputs) t = t * 100;
  round_inputs(c, at::kBFloat16);
  const Tensor want = evaluate(c, "reference", at::kDouble);
  EXPECT_LE(relative_l2(evaluate(c, "avx512", at::kBFloat16), want),
            2 * relative_l2(evaluate(c, "aten", at::kBFloat16), want) + std::ldexp(1.0, -9));
}

TEST_F(Avx512Variants, GegluTailsFollowTheFunction) {
  // Every gate in [-12, 12]: the tails cancel to nothing, and must do so without NaN.
  const Tensor gate = at::linspace(-12, 12, 4096, at::kDouble).view({-1, 16});
  Case c{"geglu", "tails", {at::cat({at::ones_like(gate), gate}, 1)}, [](const Inputs& t) {
           return geglu(t[0]);
         }};
  round_inputs(c, at::kBFloat16);
  const Tensor want = evaluate(c, "reference", at::kDouble);
  const Tensor error = (evaluate(c, "avx512", at::kBFloat16) - want).abs();
  EXPECT_TRUE((error <= want.abs() * std::ldexp(1.0, -8) + 1e-6).all().item<bool>());
}

TEST_F(CpuVariants, FastFormsRefuseToBeDifferentiated) {
  const Tensor x = at::randn({4, 32}, at::kBFloat16).requires_grad_(true);
  EXPECT_TRUE(geglu(x).requires_grad());
  const ForceVariant force("geglu", "reference");
  EXPECT_THROW(geglu(x), base::Error);
  const c10::NoGradGuard guard;
  EXPECT_FALSE(geglu(x).requires_grad());
}

}  // namespace
}  // namespace zoetrope::ops

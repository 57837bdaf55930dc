// What fp8 costs attention, measured on the CPU: the same roundings as on a GPU.
#include "ops/attention_fp8.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstdio>

namespace zoetrope::ops {
namespace {

using at::Tensor;

struct Inputs {
  Tensor q, k, v;
};

Inputs gaussian(int64_t b, int64_t n, int64_t heads, int64_t d) {
  const auto one = [&] { return at::randn({b, n, heads, d}); };
  return {one(), one(), one()};
}

Inputs rounded(const Inputs& in) {
  const auto one = [](const Tensor& t) { return t.to(at::kBFloat16); };
  return {one(in.q), one(in.k), one(in.v)};
}

Tensor run(const Inputs& in, AttentionPrecision precision) {
  const AttentionScope scope(precision);
  return attention(in.q, in.k, in.v);
}

// Relative L2 against fp64 of what two precisions make of the same bf16 tensors.
struct Errors {
  double exact, fp8;
};

Errors errors(const char* what, const Inputs& in) {
  const auto wide = [](const Tensor& t) { return t.to(at::kDouble); };
  const Tensor want = attention(wide(in.q), wide(in.k), wide(in.v));
  const auto error = [&](AttentionPrecision precision) {
    return ((wide(run(in, precision)) - want).norm() / want.norm()).item<double>();
  };
  const Errors e = {error(AttentionPrecision::kExact), error(AttentionPrecision::kFp8)};
  std::printf("%-40s bf16 %.5f fp8 %.5f\n", what, e.exact, e.fp8);
  return e;
}

class AttentionFp8 : public testing::Test {
 protected:
  void SetUp() override { at::manual_seed(3); }
};

// e4m3 rounds to one part in 16 at worst, 2.6% in the mean square. A result of n summands whose
// weights, values and itself are rounded so, each by itself: sqrt(3) times that, and the scores'
// own error, which grows with their size.
constexpr double kRounding = 0.026;

TEST_F(AttentionFp8, GaussianHeads) {
  const Errors e = errors("gaussian", rounded(gaussian(1, 2048, 3, 128)));
  EXPECT_LE(e.fp8, 3 * kRounding);
  EXPECT_GE(e.fp8, 4 * e.exact) << "that was not fp8";
}

// Scores that pick a few keys: the softmax's exponent multiplies the error of the scores.
TEST_F(AttentionFp8, SharpHeads) {
  Inputs in = gaussian(1, 2048, 3, 128);
  in.q = in.q * 3;
  EXPECT_LE(errors("sharp", rounded(in)).fp8, 6 * kRounding);
}

// What all keys and all values share is taken off before the rounding: it costs nothing.
TEST_F(AttentionFp8, ChannelsFarFromZero) {
  Inputs in = gaussian(1, 2048, 3, 128);
  const double plain = errors("before the means", rounded(in)).fp8;
  in.k = in.k + 10 * at::randn({3, 128});
  EXPECT_LE(errors("keys with means", rounded(in)).fp8, 1.5 * plain);
  in.v = in.v + 4 * at::randn({3, 128});
  EXPECT_LE(errors("values with means", rounded(in)).fp8, plain);
}

// A head 30 times as large as the others takes their scale with it; e4m3 has exponents enough.
TEST_F(AttentionFp8, OutlierHeads) {
  Inputs in = gaussian(1, 2048, 3, 64);
  in.v.select(2, 1).mul_(30);
  const Inputs all = rounded(in);
  const auto small = [](const Tensor& t) { return t.select(2, 0).to(at::kDouble); };
  const Tensor want = small(run(all, AttentionPrecision::kExact));
  const Tensor got = small(run(all, AttentionPrecision::kFp8));
  const double error = ((got - want).norm() / want.norm()).item<double>();
  std::printf("%-40s fp8 %.5f\n", "beside a head 30 times as large", error);
  EXPECT_LE(error, 3 * kRounding);
}

TEST_F(AttentionFp8, OnlyWhereAskedFor) {
  const Inputs in = rounded(gaussian(1, 2048, 1, 64));
  const Tensor exact = attention(in.q, in.k, in.v);
  EXPECT_TRUE(at::equal(run(in, AttentionPrecision::kExact), exact));
  const AttentionScope outer(AttentionPrecision::kFp8);
  EXPECT_FALSE(at::equal(attention(in.q, in.k, in.v), exact));
  EXPECT_TRUE(at::equal(run(in, AttentionPrecision::kExact), exact));
  EXPECT_FALSE(at::equal(attention(in.q, in.k, in.v), exact)) << "the inner scope stayed";
}

TEST_F(AttentionFp8, OnlyWhereItPays) {
  const auto same = [](const Inputs& in, const AttentionMask& mask = {}) {
    const Tensor exact = attention(in.q, in.k, in.v, mask);
    const AttentionScope scope(AttentionPrecision::kFp8);
    return at::equal(attention(in.q, in.k, in.v, mask), exact);
  };
  const Inputs in = rounded(gaussian(1, 2048, 1, 64));
  EXPECT_FALSE(same(in));
  EXPECT_TRUE(same(in, {.causal = true, .additive = {}}));
  EXPECT_TRUE(same({in.q.narrow(1, 0, 64), in.k, in.v})) << "not among the same tokens";
  EXPECT_TRUE(same(rounded(gaussian(1, 2047, 1, 64)))) << "few keys";
  EXPECT_TRUE(same(rounded(gaussian(1, 2048, 1, 96)))) << "another head";
  EXPECT_TRUE(same(gaussian(1, 2048, 1, 64))) << "fp32";
}

TEST_F(AttentionFp8, ASampleIsItsOwn) {
  Inputs in = gaussian(2, 2048, 1, 64);
  for (Tensor* t : {&in.q, &in.k, &in.v}) t->select(0, 0).mul_(7);
  in = rounded(in);
  const auto one = [](const Tensor& t) { return t.narrow(0, 1, 1); };
  EXPECT_TRUE(at::equal(run({one(in.q), one(in.k), one(in.v)}, AttentionPrecision::kFp8),
                        one(run(in, AttentionPrecision::kFp8))));
}

}  // namespace
}  // namespace zoetrope::ops

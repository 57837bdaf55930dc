// Attention's variants for a GPU, against fp64 on the CPU: the error is at most twice that of ATen
// run in bf16 on the CPU, plus one rounding.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "ops/attention.h"
#include "ops/attention_fp8.h"
#include "ops/ladder.h"

namespace zoetrope::ops {
namespace {

struct AttentionShape {
  int64_t b, queries, keys, heads, d;
};

void check(const char* variant, const AttentionShape& s) {
  SCOPED_TRACE(std::string(variant) + " keys " + std::to_string(s.keys) + " d " +
               std::to_string(s.d));
  // Queries, keys and values as slices of one product, which is how networks have them.
  const auto options = at::TensorOptions(at::kBFloat16).device(at::kCUDA);
  const at::Tensor q = at::randn({s.b, s.queries, 3, s.heads, s.d}, options).select(2, 0);
  const at::Tensor kv = at::randn({s.b, s.keys, 3, s.heads, s.d}, options);
  const at::Tensor k = kv.select(2, 1), v = kv.select(2, 2);
  const auto on_cpu = [&](at::ScalarType dtype) {
    const ForceVariant force("attention", "aten");
    return attention(q.cpu().to(dtype), k.cpu().to(dtype), v.cpu().to(dtype)).to(at::kDouble);
  };
  at::Tensor got, again;
  {
    const ForceVariant force("attention", variant);
    got = attention(q, k, v);
    again = attention(q, k, v);
  }
  EXPECT_TRUE(got.is_contiguous());
  EXPECT_TRUE(at::equal(got, again)) << "not deterministic";
  const at::Tensor want = on_cpu(at::kDouble), naive = on_cpu(at::kBFloat16);
  const auto error = [&](const at::Tensor& t) { return (t - want).abs().max().item<double>(); };
  const double rounding = want.abs().max().item<double>() / 512;
  EXPECT_LE(error(got.cpu().to(at::kDouble)), 2 * error(naive) + rounding);
  // A sample's bytes do not depend on the others'.
  const ForceVariant force("attention", variant);
  EXPECT_TRUE(at::equal(attention(q.narrow(0, 0, 1), k.narrow(0, 0, 1), v.narrow(0, 0, 1)),
                        got.narrow(0, 0, 1)));
}

TEST(AttentionOnAGpu, Cudnn) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no GPU in this machine";
  for (const AttentionShape& s : {AttentionShape{2, 300, 300, 3, 128},
                                  {1, 1, 7, 2, 64},
                                  {3, 513, 77, 5, 64},
                                  {2, 1024, 1537, 2, 128}}) {
    check("cudnn", s);
  }
}

// fp8 against the same roundings on the CPU, and against fp64: what the GPU does is no further off
// than what the CPU does, and the two are closer to each other than either is to fp64 with the
// other.
void check_fp8(const AttentionShape& s) {
  SCOPED_TRACE("keys " + std::to_string(s.keys) + " d " + std::to_string(s.d));
  const auto options = at::TensorOptions(at::kBFloat16).device(at::kCUDA);
  const at::Tensor qkv =
      at::randn({s.b, s.keys, 3, s.heads, s.d}, options) + 4 * at::randn({s.heads, s.d}, options);
  const at::Tensor q = qkv.select(2, 0), k = qkv.select(2, 1), v = qkv.select(2, 2);
  const std::string refusal = cudnn::refusal(q);
  ASSERT_TRUE(refusal.empty()) << refusal;
  const auto wide = [](const at::Tensor& t) { return t.cpu().to(at::kDouble); };
  const at::Tensor want = attention(wide(q), wide(k), wide(v));
  const AttentionScope scope(AttentionPrecision::kFp8);
  at::Tensor cpu;
  {
    const ForceVariant force("attention", "aten_fp8");
    cpu = wide(attention(q.cpu(), k.cpu(), v.cpu()));
  }
  const ForceVariant force("attention", "cudnn_fp8");
  const at::Tensor got = attention(q, k, v);
  EXPECT_TRUE(at::equal(got, attention(q, k, v))) << "not deterministic";
  const at::Tensor mean = wide(v).mean(1, /*keepdim=*/true);  // exact on both sides
  const auto distance = [&](const at::Tensor& a, const at::Tensor& b) {
    return ((a - b).norm() / (want - mean).norm()).item<double>();
  };
  const double gpu_error = distance(wide(got), want), cpu_error = distance(cpu, want);
  const double apart = distance(wide(got), cpu);
  std::printf("fp8, %ld keys of %ld: GPU %.4f and CPU %.4f from fp64, %.4f apart\n",
              static_cast<long>(s.keys), static_cast<long>(s.d), gpu_error, cpu_error, apart);
  EXPECT_LE(gpu_error, 1.25 * cpu_error);
  EXPECT_LE(apart, 1.25 * cpu_error);
  EXPECT_TRUE(at::equal(attention(q.narrow(0, 0, 1), k.narrow(0, 0, 1), v.narrow(0, 0, 1)),
                        got.narrow(0, 0, 1)));
}

TEST(AttentionOnAGpu, Fp8) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no GPU in this machine";
  for (const AttentionShape& s :
       {AttentionShape{2, 2048, 2048, 2, 128}, {1, 4480, 4480, 1, 128}, {2, 2331, 2331, 2, 64}}) {
    check_fp8(s);
  }
}

TEST(AttentionOnAGpu, Products) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no GPU in this machine";
  check("products", {2, 700, 700, 1, 512});
  check("products", {1, 9000, 9000, 1, 384});  // in several parts
}

}  // namespace
}  // namespace zoetrope::ops

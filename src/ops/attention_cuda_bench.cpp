// Self-attention of Wan 14B, FLUX and HiDream in TFLOP/s: cuDNN in bf16, in fp8 from bf16 to bf16,
// and of that the two products alone.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <cstdio>

#include "ops/attention.h"
#include "ops/attention_fp8.h"
#include "ops/cuda_bench.h"
#include "ops/ladder.h"

namespace zoetrope::ops {
namespace {

void bench(int64_t heads, int64_t n, int64_t d) {
  const auto options = at::TensorOptions(at::kCUDA).dtype(at::kBFloat16);
  const at::Tensor qkv = at::randn({3, 1, n, heads, d}, options);
  const at::Tensor q = qkv[0], k = qkv[1], v = qkv[2];
  const double flops = 4.0 * static_cast<double>(n) * static_cast<double>(q.numel());
  const auto rate = [&](double ms) { return 1e-9 * flops / ms; };
  const auto time = [&](const char* variant, AttentionPrecision precision) {
    const ForceVariant force("attention", variant);
    const AttentionScope scope(precision);
    return median_ms([&] { attention(q, k, v); });
  };
  const double exact = time("cudnn", AttentionPrecision::kExact);
  std::printf("%3ld x %6ld x %3ld   bf16 %8.3f ms %6.0f", static_cast<long>(heads),
              static_cast<long>(n), static_cast<long>(d), exact, rate(exact));
  const std::string refusal = cudnn::refusal(q);
  if (refusal.empty()) {
    const double all = time("cudnn_fp8", AttentionPrecision::kFp8);
    const QuantisedHeads in = cuda::quantise_heads(q, k, v);
    const double products = median_ms([&] { cudnn::products(in); });
    const double quantise = median_ms([&] { cuda::quantise_heads(q, k, v); });
    const double restore = median_ms([&] { cuda::restore_heads(in.values[2], in); });
    std::printf("   fp8 %8.3f ms %6.0f   products %8.3f ms %6.0f   in %.3f ms   out %.3f ms\n", all,
                rate(all), products, rate(products), quantise, restore);
  } else {
    std::printf("   no fp8: %s\n", refusal.c_str());
  }
  std::fflush(stdout);
}

}  // namespace

void bench_attention() {
  const c10::NoGradGuard no_gradients;
  std::printf("attention (heads x tokens x d), TFLOP/s\n");
  bench(40, 32760, 128);
  bench(24, 4608, 128);
  bench(20, 4480, 128);
}

}  // namespace zoetrope::ops

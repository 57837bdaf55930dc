// The linear layers of FLUX, Wan and HiDream, in TFLOP/s: each rung alone, product and bias, from
// rows that are quantised already; then what quantising the rows costs, and the epilogues.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "ops/cuda_bench.h"
#include "ops/ladder.h"
#include "ops/linear.h"
#include "ops/quantise.h"
#include "ops/quantised_weight.h"

namespace zoetrope::ops {
namespace {

using at::Tensor;

struct Shape {
  int64_t m, n, k;
  double tflop() const {
    return 2e-12 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  }
};

LinearWeight weight_of(const Shape& s, WeightFormat format) {
  const auto options = at::TensorOptions(at::kCUDA).dtype(at::kBFloat16);
  const Tensor weight = at::randn({s.n, s.k}, options) / std::sqrt(static_cast<double>(s.k));
  const LinearWeight plain = prepare_linear(weight, at::randn({s.n}, options));
  return format == WeightFormat::kPlain ? plain : quantise(plain, format);
}

double rate(const Shape& s, const char* rung, const Rows& rows, const LinearWeight& w,
            const LinearFusion& fusion = {}) {
  const ForceVariant force("linear", rung);
  return 1e3 * s.tflop() / median_ms([&] { linear(rows, w, fusion); });
}

void bench(const Shape& s) {
  const Tensor x = at::randn({s.m, s.k}, at::TensorOptions(at::kCUDA).dtype(at::kBFloat16));
  std::printf("%6ld %6ld %6ld", static_cast<long>(s.m), static_cast<long>(s.n),
              static_cast<long>(s.k));
  LinearFusion gelu;
  gelu.activation = Activation::kGeluTanh;
  const LinearWeight plain = weight_of(s, WeightFormat::kPlain);
  std::printf(" %8.0f %8.0f %8.0f", rate(s, "aten", x, plain), rate(s, "cublaslt", x, plain),
              rate(s, "cublaslt", x, plain, gelu));
  const LinearWeight fp8 = weight_of(s, WeightFormat::kFp8);
  LinearWeight fast = fp8;
  fast.fast_accumulation = true;
  const Rows rows = quantise_rows(x);
  std::printf(" %8.0f %8.0f %8.0f %8.0f", rate(s, "scaled_mm", rows, fp8),
              rate(s, "cublaslt", rows, fp8), rate(s, "cublaslt", rows, fp8, gelu),
              rate(s, "cublaslt", rows, fast));
  std::printf(" %9.3f", median_ms([&] { quantise_rows(x); }));
  const LinearWeight int4 = weight_of(s, WeightFormat::kInt4);
  std::printf(" %8.0f\n", rate(s, "dequantised", x, int4));
  std::fflush(stdout);
}

}  // namespace

void bench_linear() {
  const c10::NoGradGuard no_gradients;
  std::printf("\nlinear layers, TFLOP/s; fp8 of rows quantised before, whose cost is apart\n");
  std::printf("%6s %6s %6s %8s %8s %8s %8s %8s %8s %8s %9s %8s\n", "m", "n", "k", "aten", "lt",
              "lt+gelu", "scaledmm", "lt fp8", "fp8+gelu", "fp8 fast", "quant ms", "int4");
  for (const int64_t m : {4608, 32760}) {
    for (const auto& [n, k] : std::vector<std::pair<int64_t, int64_t>>{{9216, 3072},
                                                                       {3072, 3072},
                                                                       {12288, 3072},
                                                                       {3072, 12288},
                                                                       {3072, 15360},
                                                                       {15360, 5120},
                                                                       {5120, 5120},
                                                                       {13824, 5120},
                                                                       {5120, 13824},
                                                                       {2560, 2560},
                                                                       {6912, 2560}}) {
      bench({m, n, k});
    }
  }
  bench({1, 18432, 3072});
  bench({512, 9216, 3072});
}

}  // namespace zoetrope::ops

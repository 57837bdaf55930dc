// CPU times of each op's variants at the bundled model's inference shapes (one clip of 16 frames),
// bf16. `--benchmark_filter=attention`, for example. GB/s counts inputs read and results written
// once; GFLOP/s two for a multiply-add. OMP_NUM_THREADS sets the threads.
#include <ATen/ATen.h>
#include <benchmark/benchmark.h>
#include <c10/core/GradMode.h>

#include <functional>
#include <string>
#include <vector>

#include "ops/activation.h"
#include "ops/attention.h"
#include "ops/conv.h"
#include "ops/ladder.h"
#include "ops/linear.h"
#include "ops/norm.h"

namespace zoetrope::ops {
namespace {

using at::Tensor;

Tensor random(at::IntArrayRef sizes) { return at::randn(sizes, at::kBFloat16); }

void add(const std::string& op, const std::vector<std::string>& variants, const std::string& label,
         double flops, double bytes, const std::function<Tensor()>& run) {
  for (const std::string& variant : variants) {
    const auto body = [=](benchmark::State& state) {
      const c10::NoGradGuard guard;
      try {
        const ForceVariant force(op, variant);
        for (auto _ : state) benchmark::DoNotOptimize(run().data_ptr());
      } catch (const std::exception& error) {
        state.SkipWithError(error.what());
      }
      using benchmark::Counter;
      const auto per_second = Counter::kIsIterationInvariantRate;
      if (flops > 0) state.counters["GFLOP/s"] = Counter(flops * 1e-9, per_second);
      if (bytes > 0) state.counters["GB/s"] = Counter(bytes * 1e-9, per_second);
    };
    benchmark::RegisterBenchmark((op + "/" + label + "/" + variant).c_str(), body)
        ->Unit(benchmark::kMicrosecond)
        ->MeasureProcessCPUTime()
        ->UseRealTime();
  }
}

void add_pointwise() {
  const std::vector<std::string> variants = {"avx512", "aten"};
  const Tensor w = random({128}), b = random({128});
  const Tensor frames = random({16, 256, 128}), clip = random({1, 4096, 128});
  const double bytes = 2.0 * static_cast<double>(frames.nbytes());
  for (const Tensor& x : {frames, clip}) {
    const std::string label = "silu_" + std::to_string(x.size(0)) + "x" + std::to_string(x.size(1));
    add("group_norm", variants, label, 0, bytes, [=] {
      return group_norm(x, {8, 1e-5, w, b, Activation::kSilu, {}, {}});
    });
  }
  add("layer_norm", variants, "4096x128", 0, bytes, [=] { return layer_norm(frames, w, b, 1e-5); });
  const Tensor gated = random({4096, 512});
  add("geglu", variants, "4096x512", 0, 1.5 * static_cast<double>(gated.nbytes()),
      [=] { return geglu(gated); });
}

void add_attention() {
  const std::vector<std::string> variants = {"avx512", "aten"};
  const auto one = [&](const std::string& label, int64_t b, int64_t nq, int64_t nk) {
    const Tensor q = random({b, nq, 4, 32}), k = random({b, nk, 4, 32}), v = random({b, nk, 4, 32});
    add("attention", variants, label, 4.0 * static_cast<double>(b * nq * nk * 128), 0,
        [=] { return attention(q, k, v); });
  };
  one("self_16x256x512", 16, 256, 512);
  one("self_16x64x128", 16, 64, 128);
  one("cross_4096x40", 1, 4096, 40);
  const Tensor qkv = random({1, 16, 256, 3, 4, 32});
  add("temporal_attention", variants, "16x256", 4.0 * 256 * 16 * 16 * 128, 0,
      [=] { return temporal_attention(qkv); });
}

void add_linear() {
  struct Shape {
    int64_t in, out;
    bool gated;
  };
  const Tensor norm = random({128}), table = random({256, 128});
  for (const auto& [in, out, gated] :
       {Shape{128, 384, false}, {128, 128, false}, {128, 512, true}, {256, 128, false}}) {
    const Tensor x = random({4096, in});
    const LinearWeight w = prepare_linear(random({out, in}), random({out}), gated);
    const std::string label = std::to_string(in) + "->" + std::to_string(out);
    const double flops = 2.0 * 4096 * static_cast<double>(in * out);
    add("linear", {"avx512", "onednn", "aten"}, label + (gated ? "_gated" : ""), flops, 0,
        [=] { return linear(x, w); });
    if (in != 128) continue;
    add("linear", {"avx512", "onednn", "aten"}, label + (gated ? "_gated" : "") + "_normed", flops,
        0, [=] {
          return linear(x, w, {norm, norm, 1e-5, table, 1, {}});
        });
  }
}

// Followed by the residual, after a GroupNorm with SiLU.
void add_conv() {
  const auto one = [&](const std::string& label, at::IntArrayRef sizes, int64_t out,
                       int64_t kernel_width) {
    const Tensor x = random(sizes);
    const int64_t in = x.size(-1);
    const Tensor channels = random({in});
    const ConvWeight w = prepare_conv(random({out, in, 3, kernel_width}), random({out}),
                                      {{1, 1}, {1, kernel_width / 2}, false});
    const Tensor residual = random({x.size(0), x.size(1), x.size(2), out});
    const double flops =
        2.0 * static_cast<double>(residual.numel()) * static_cast<double>(3 * kernel_width * in);
    add("normed_conv", {"avx512", "aten"}, label, flops, 0, [=] {
      return normed_conv(x, {8, 1e-5, channels, channels, Activation::kSilu, {}, {}}, w, residual);
    });
  };
  one("16x16x16_128->128", {16, 16, 16, 128}, 128, 3);
  one("16x16x16_256->128", {16, 16, 16, 256}, 128, 3);
  one("16x8x8_128->128", {16, 8, 8, 128}, 128, 3);
  one("15x64x64_64->64", {15, 64, 64, 64}, 64, 3);
  one("15x128x128_32->32", {15, 128, 128, 32}, 32, 3);
  for (const auto& [n, side, c] : {std::array<int64_t, 3>{16, 8, 128}, {15, 32, 128}}) {
    const Tensor x = random({n, side, side, c});
    const ConvWeight w = prepare_conv(random({c, c, 3, 3}), random({c}), {{1, 1}, {1, 1}, true});
    add("conv", {"avx512", "aten"}, "enlarged_" + std::to_string(side),
        72.0 * static_cast<double>(x.numel() * c), 0,
        [=] { return enlarged_conv2d(x, 2 * x.size(1), 2 * x.size(2), w); });
  }
  one("temporal_16x256_128->128", {1, 16, 256, 128}, 128, 1);
  one("temporal_16x64_128->128", {1, 16, 64, 128}, 128, 1);
}

}  // namespace
}  // namespace zoetrope::ops

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  zoetrope::ops::add_pointwise();
  zoetrope::ops::add_attention();
  zoetrope::ops::add_linear();
  zoetrope::ops::add_conv();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

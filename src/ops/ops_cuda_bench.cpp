// GPU times of each op's variants at the bundled model's training shapes (64 clips), bf16: forward
// alone, and forward with backward, as CUDA graphs so that host time does not count. GB/s is the
// least traffic the op can have (inputs read once, results written once) over the median time;
// the first line is a device copy measured in the same run.
#include <ATen/ATen.h>
#include <ATen/cuda/CUDAEvent.h>
#include <c10/core/GradMode.h>
#include <c10/cuda/CUDAFunctions.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "ops/activation.h"
#include "ops/attention.h"
#include "ops/cuda_bench.h"
#include "ops/ladder.h"
#include "ops/norm.h"
#include "tensor/graph_capture.h"

namespace zoetrope::ops {

double median_ms(const std::function<void()>& body) {
  constexpr int kRuns = 20;
  auto graph = tensor::CapturedGraph::capture(body);
  at::Tensor flush = at::empty({64 << 20}, at::TensorOptions(at::kCUDA).dtype(at::kFloat));
  std::vector<double> times;
  for (int i = 0; i < kRuns; ++i) {
    at::cuda::CUDAEvent begin(cudaEventDefault), end(cudaEventDefault);
    flush.zero_();
    begin.record();
    graph.replay();
    end.record();
    end.synchronize();
    times.push_back(begin.elapsed_time(end));
  }
  std::sort(times.begin(), times.end());
  return times[kRuns / 2];
}

}  // namespace zoetrope::ops

namespace {

using at::Tensor;
using zoetrope::ops::median_ms;
using Inputs = std::vector<Tensor>;

void report(const std::string& what, const char* variant, double ms, double bytes) {
  std::printf("%-46s %-6s %8.3f ms %7.0f GB/s\n", what.c_str(), variant, ms, bytes / ms * 1e-6);
  std::fflush(stdout);
}

double bytes_of(const Inputs& tensors) {
  double total = 0;
  for (const Tensor& t : tensors) total += static_cast<double>(t.nbytes());
  return total;
}

void bench(const char* op, const std::string& label, const Inputs& inputs,
           const std::function<Tensor(const Inputs&)>& run) {
  for (const char* variant : {"cuda", "aten"}) {
    const zoetrope::ops::ForceVariant force(op, variant);
    Tensor y;
    double ms = median_ms([&] {
      const c10::NoGradGuard guard;
      y = run(inputs);
    });
    const double in = bytes_of(inputs), out = static_cast<double>(y.nbytes());
    report(label + " forward", variant, ms, in + out);
    Inputs leaves;
    for (const Tensor& t : inputs) leaves.push_back(t.detach().requires_grad_(true));
    const Tensor dy = at::randn_like(y);
    ms = median_ms([&] {
      for (Tensor& leaf : leaves) leaf.mutable_grad() = Tensor();
      run(leaves).backward(dy);
    });
    report(label + " forward+backward", variant, ms, 3 * in + 2 * out);
  }
}

void bench_all() {
  namespace ops = zoetrope::ops;
  const auto options = at::TensorOptions(at::kCUDA).dtype(at::kBFloat16);
  const auto random = [&](at::IntArrayRef sizes) { return at::randn(sizes, options); };

  const Tensor from = random({64 << 20}), to = at::empty_like(from);
  report("device copy, 128 MiB", "", median_ms([&] { Tensor(to).copy_(from); }),
         2.0 * static_cast<double>(from.nbytes()));

  struct Size {
    int64_t n, positions, channels;
  };
  for (const Size& s : {Size{1024, 256, 128}, Size{1024, 256, 256}, Size{64, 4096, 128},
                        Size{1024, 64, 128}, Size{64, 16384, 32}}) {
    const std::string label = "group_norm+silu " + std::to_string(s.n) + "x" +
                              std::to_string(s.positions) + "x" + std::to_string(s.channels);
    const int64_t groups = s.channels / 16;
    bench("group_norm", label,
          {random({s.n, s.positions, s.channels}), random({s.channels}), random({s.channels})},
          [=](const Inputs& in) {
            return ops::group_norm(in[0],
                                   {groups, 1e-5, in[1], in[2], ops::Activation::kSilu, {}, {}});
          });
  }
  bench("group_norm", "group_norm+scale+shift+silu 1024x256x128",
        {random({1024, 256, 128}), random({128}), random({128}), random({1024, 256})},
        [](const Inputs& in) {
          const auto halves = in[3].chunk(2, -1);
          return ops::group_norm(
              in[0], {8, 1e-5, in[1], in[2], ops::Activation::kSilu, halves[0], halves[1]});
        });
  bench("layer_norm", "layer_norm 262144x128",
        {random({262144, 128}), random({128}), random({128})},
        [](const Inputs& in) { return ops::layer_norm(in[0], in[1], in[2], 1e-5); });
  bench("geglu", "geglu 262144x512", {random({262144, 512})},
        [](const Inputs& in) { return ops::geglu(in[0]); });
  for (const int64_t positions : {256, 64}) {
    bench("temporal_attention", "temporal_attention 64x16x" + std::to_string(positions) + "x4x32",
          {random({64, 16, positions, 3, 4, 32})},
          [](const Inputs& in) { return ops::temporal_attention(in[0]); });
  }
}

}  // namespace

int main() {
  if (!at::hasCUDA()) {
    std::printf("no GPU in this machine: nothing measured\n");
    return 0;
  }
  bench_all();
  zoetrope::ops::bench_attention();
  zoetrope::ops::bench_linear();
  zoetrope::ops::bench_rows();
  return 0;
}

#include "bench/ceilings.h"

#include <ATen/ATen.h>

#include <chrono>
#include <functional>
#include <vector>

#include "bench/statistics.h"
#include "tensor/device.h"

namespace zoetrope::bench {
namespace {

constexpr int kRuns = 7;
constexpr int kQueued = 8;  // in one run, so that launches do not count

double seconds_of(at::Device device, const std::function<void()>& body) {
  std::vector<double> seconds;
  for (int run = -1; run < kRuns; ++run) {
    tensor::synchronize(device);
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < kQueued; ++i) body();
    tensor::synchronize(device);
    if (run >= 0) seconds.push_back(seconds_since(begin) / kQueued);
  }
  return median(seconds);
}

}  // namespace

Ceilings measure_ceilings(at::Device device, at::ScalarType dtype) {
  const bool gpu = device.is_cuda();
  const int64_t side = gpu ? 8192 : 1024;
  const auto bytes = at::TensorOptions(at::kByte).device(device);
  const at::Tensor from = at::empty({gpu ? int64_t{2} << 30 : int64_t{128} << 20}, bytes);
  from.random_(0, 256);
  const at::Tensor to = at::empty_like(from);
  Ceilings ceilings;
  ceilings.copy_bytes_per_second =
      2.0 * static_cast<double>(from.numel()) / seconds_of(device, [&] { to.copy_(from); });

  const at::Tensor a = at::randn({side, side}, at::TensorOptions(dtype).device(device));
  const at::Tensor b = at::randn_like(a);
  at::Tensor c = at::empty_like(a);
  const double flops = 2.0 * static_cast<double>(side * side * side);
  ceilings.flops_per_second = flops / seconds_of(device, [&] { at::mm_out(c, a, b.t()); });
  if (gpu) {
    const at::Tensor a8 = a.to(at::kFloat8_e4m3fn), b8 = b.to(at::kFloat8_e4m3fn);
    const at::Tensor scale = at::ones({side, 1}, a.options().dtype(at::kFloat));
    ceilings.fp8_flops_per_second =
        flops / seconds_of(device, [&] {
          at::_scaled_mm(a8, b8.t(), scale, scale.t(), {}, {}, at::kBFloat16,
                         /*use_fast_accum=*/false);
        });
  }
  return ceilings;
}

}  // namespace zoetrope::bench

#include "bench/model_study.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>

#include "bench/statistics.h"
#include "media/plot.h"
#include "tensor/device.h"
#include "tensor/memory.h"

namespace zoetrope::bench {
namespace {

struct Timed {
  at::Tensor result;
  double seconds = 0;  // median
};

Timed timed(const std::function<at::Tensor()>& pass, at::Device device, int runs,
            const base::CancelToken& cancel) {
  Timed timed;
  std::vector<double> seconds;
  for (int run = 0; run < runs; ++run) {
    cancel.check();
    timed.result = at::Tensor();  // its memory is the next run's
    tensor::synchronize(device);
    const auto begin = std::chrono::steady_clock::now();
    timed.result = pass();
    tensor::synchronize(device);
    seconds.push_back(seconds_since(begin));
  }
  timed.seconds = median(seconds);
  return timed;
}

double rate(const ops::OpCost& cost) { return cost.work.flops / cost.seconds; }

}  // namespace

ModelTimes study_model(const ModelCase& model, at::ScalarType dtype, tensor::WeightFormat format,
                       at::Device device, int runs, const base::ProgressSink& progress,
                       const base::CancelToken& cancel) {
  constexpr int kStages = 4;
  base::report(progress, "weights", 0, kStages);
  const Subject subject = make_subject(model, dtype, format, device);
  ModelTimes times;
  times.weight_bytes = subject.weight_bytes;

  const bool records = subject.recorded && device.is_cuda();
  base::report(progress, "first", 1, kStages);
  const auto& as_served = records ? subject.recorded : subject.eager;
  double first = timed(as_served, device, 1, cancel).seconds;
  first += timed(as_served, device, 1, cancel).seconds;
  Timed recorded;
  if (records) {
    recorded = timed(subject.recorded, device, runs, cancel);
    times.recorded_seconds = recorded.seconds;
    recorded.result = recorded.result.clone();  // the recording's own is overwritten
  }

  base::report(progress, "eager", 2, kStages);
  if (device.is_cuda()) tensor::reset_peak_cuda_bytes(device);
  const tensor::AllocationPeak memory;
  const Timed eager = timed(subject.eager, device, runs, cancel);
  times.eager_seconds = eager.seconds;
  times.peak_bytes = device.is_cuda() ? tensor::peak_cuda_bytes(device)
                                      : memory.peak_bytes() + subject.weight_bytes;
  times.result = eager.result;
  times.finite = at::isfinite(eager.result).all().item<bool>();

  if (records) times.same_bytes = at::equal(recorded.result, eager.result);
  times.first_seconds = first - 2 * (records ? recorded.seconds : eager.seconds);

  base::report(progress, "operations", 3, kStages);
  {
    ops::Meter meter(device);
    subject.eager();
    times.costs = meter.costs();
  }
  base::report(progress, "done", kStages, kStages);
  return times;
}

double floor_seconds(const ops::OpCost& cost, const Ceilings& ceilings) {
  const bool fp8 = cost.variant.find("fp8") != std::string::npos;
  const double flops = fp8 ? ceilings.fp8_flops_per_second : ceilings.flops_per_second;
  return std::max(cost.work.flops / flops, cost.work.bytes / ceilings.copy_bytes_per_second);
}

media::Image roofline(const ModelTimes& times, const Ceilings& ceilings, const std::string& title) {
  constexpr size_t kMostOps = 8;
  const auto point = [](media::Series& series, double intensity, double flops_per_second) {
    series.x.push_back(std::log10(intensity));
    series.y.push_back(std::log10(flops_per_second / 1e12));
  };
  media::Series roof{.name = "roof", .x = {}, .y = {}};
  const double ridge = ceilings.flops_per_second / ceilings.copy_bytes_per_second;
  point(roof, 1, ceilings.copy_bytes_per_second);
  point(roof, ridge, ceilings.flops_per_second);
  point(roof, std::max(ridge, 1.0) * 100, ceilings.flops_per_second);
  std::vector<media::Series> series = {roof};
  for (const ops::OpCost& cost : times.costs) {
    if (series.size() > kMostOps) break;
    if (cost.work.flops == 0 || cost.seconds == 0) continue;
    // A short stroke where a point would be.
    media::Series stroke{.name = fmt::format("{} {}", cost.op, cost.shape), .x = {}, .y = {}};
    const double intensity = cost.work.flops / cost.work.bytes;
    point(stroke, intensity / 1.08, rate(cost));
    point(stroke, intensity * 1.08, rate(cost));
    series.push_back(stroke);
  }
  return media::plot(series, {.title = title,
                              .x_label = "log10 FLOP a byte; upwards: log10 TFLOP/s",
                              .legend = media::LegendPlace::kBelow});
}

}  // namespace zoetrope::bench

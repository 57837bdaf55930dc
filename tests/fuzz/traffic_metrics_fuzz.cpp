// Metrics that a worker, a gateway or a Prometheus server answers; the first byte picks which.
#include <cmath>
#include <cstdint>

#include "fuzz_check.h"
#include "traffic/control/metrics_text.h"

namespace {

using namespace zoetrope;
namespace control = traffic::control;

void check_samples(const std::vector<control::Sample>& samples) {
  for (const control::Sample& sample : samples) {
    const auto total = control::sum(samples, sample.name);
    fuzz::check(!total || (std::isfinite(*total) && *total >= 0), "a sum that is no reading");
    // What is NaN, infinite or negative must take the whole sum with it.
    fuzz::check(control::reading(sample).has_value() || !total, "a broken value became a number");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 2 == 0) {
    const control::Names wanted = {"a", "zoetrope_load", "zoetrope_slots",
                                   "envoy_cluster_zone_upstream_rq_xx"};
    const auto samples = control::parse_metrics(text, "m", wanted);
    if (!samples.ok()) {
      fuzz::check_refusal(samples.status());
      return 0;
    }
    for (const control::Sample& sample : *samples) {
      fuzz::check(wanted.contains(sample.name), "a series that nobody wanted");
    }
    check_samples(*samples);
    return 0;
  }
  const auto targets = control::parse_prometheus_reply(text, "p");
  if (!targets.ok()) {
    fuzz::check_refusal(targets.status());
    return 0;
  }
  for (const auto& [instance, target] : *targets) {
    fuzz::check(!target.samples.empty(), "a target without samples");
    check_samples(target.samples);
  }
  return 0;
}

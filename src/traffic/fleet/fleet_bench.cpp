// Events a second of the simulator on one core: the goal is five million.
#include <benchmark/benchmark.h>

#include "traffic/fleet/simulator.h"

namespace zoetrope::traffic::fleet {
namespace {

// A fleet of the size that takes two thousand million requests a day, for a few seconds.
Options large_fleet() {
  Options options;
  options.world.regions = 30;
  options.world.gpus = 4768;
  options.gateway.choices = 2;
  options.duration_s = 40;
  options.warm_up_s = 20;
  return options;
}

void BM_LargeFleet(benchmark::State& state) {
  const Options options = large_fleet();
  int64_t events = 0, requests = 0;
  for (auto _ : state) {
    const auto result = simulate(options, 1);
    if (!result.ok()) return state.SkipWithError(result.status().message().c_str());
    events += result->events;
    requests += 2 * result->phases[0].offered;  // the second half alone is counted
  }
  state.counters["events/s"] =
      benchmark::Counter(static_cast<double>(events), benchmark::Counter::kIsRate);
  state.counters["requests/s"] =
      benchmark::Counter(static_cast<double>(requests), benchmark::Counter::kIsRate);
}
BENCHMARK(BM_LargeFleet)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace zoetrope::traffic::fleet

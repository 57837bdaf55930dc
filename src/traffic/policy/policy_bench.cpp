// How long a routing table takes, by number of regions. The goals: 64 regions in 10 ms, 200 in 100.
#include <benchmark/benchmark.h>

#include <cmath>
#include <random>

#include "traffic/policy/policy.h"

namespace zoetrope::traffic::policy {
namespace {

struct Fleet {
  Regions regions;
  Problem problem;
};

// Regions on a map of six continents, half of them hot, with `percent` of the capacity wanted.
Fleet fleet(int size, int percent) {
  std::mt19937 random(7);
  const auto from_to = [&](int a, int b) {
    return std::uniform_int_distribution<int>(a, b)(random);
  };
  Fleet fleet;
  std::vector<std::pair<int, int>> places;
  Millirps capacity = 0, demand = 0;
  for (int i = 0; i < size; ++i) {
    const int continent = i % 6;
    fleet.regions.list.push_back({std::to_string(i), std::to_string(continent)});
    places.push_back({continent % 3 * 90 + from_to(0, 60), continent / 3 * 90 + from_to(0, 60)});
    fleet.problem.capacity.push_back(from_to(20'000, 400'000));
    fleet.problem.demand.push_back(fleet.problem.capacity[i] * from_to(10, 190) / 100);
    capacity += fleet.problem.capacity[i];
    demand += fleet.problem.demand[i];
  }
  for (Millirps& rate : fleet.problem.demand) {
    rate = static_cast<Millirps>(static_cast<double>(rate) * static_cast<double>(capacity) /
                                 static_cast<double>(demand) * percent / 100);
  }
  fleet.regions.rtt = Matrix<std::chrono::microseconds>(size);
  for (int s = 0; s < size; ++s) {
    for (int t = 0; t < size; ++t) {
      const double x = places[s].first - places[t].first, y = places[s].second - places[t].second;
      fleet.regions.rtt.at(s, t) = std::chrono::milliseconds(std::lround(std::sqrt(x * x + y * y)));
    }
  }
  return fleet;
}

void solving(benchmark::State& state) {
  const Fleet world = fleet(static_cast<int>(state.range(0)), static_cast<int>(state.range(1)));
  const Topology topology = make_topology(world.regions, {}).value_or_throw();
  int moves = 0;
  for (auto _ : state) {
    const Plan plan = solve(topology, {}, world.problem);
    benchmark::DoNotOptimize(plan.flow.row(0));
    moves = plan.moves;
  }
  state.counters["moves"] = moves;
}
BENCHMARK(solving)
    ->ArgNames({"regions", "percent"})
    ->ArgsProduct({{12, 30, 64, 200}, {70, 90, 100}})
    ->Unit(benchmark::kMicrosecond);

// A whole epoch: slopes, solver and damping, demand changing by a tenth each time.
void epoch(benchmark::State& state) {
  const Fleet world = fleet(static_cast<int>(state.range(0)), 90);
  const int size = world.regions.size();
  RoutingPolicy policy = RoutingPolicy::make(world.regions, {}).value_or_throw();
  const Tier tier;
  int turn = 0;
  for (auto _ : state) {
    EpochInputs inputs;
    for (int r = 0; r < size; ++r) {
      const double units =
          static_cast<double>(world.problem.capacity[r]) / 1000 * tier.prior_s / tier.limit;
      const Millirps demand = world.problem.demand[r] * (95 + (turn + r) % 2 * 10) / 100;
      std::vector<Millirps> admitted(size);
      for (int t = 0; t < size; ++t) {
        admitted[t] = demand * policy.table().weight.at(r, t) / kWeightSum;
      }
      inputs.regions.push_back({demand, std::move(admitted), {{.7, units}}});
    }
    ++turn;
    benchmark::DoNotOptimize(policy.step(inputs).value_or_throw().publish);
  }
}
BENCHMARK(epoch)->ArgName("regions")->Arg(12)->Arg(30)->Arg(64)->Arg(200)->Unit(
    benchmark::kMicrosecond);

}  // namespace
}  // namespace zoetrope::traffic::policy

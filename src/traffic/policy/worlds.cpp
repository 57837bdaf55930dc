#include "traffic/policy/worlds.h"

#include <cmath>
#include <numeric>
#include <ostream>
#include <sstream>

#include "traffic/policy/shares.h"

namespace zoetrope::traffic::policy {
namespace {

using std::chrono::milliseconds;

int one_of(int lowest, int highest) { return *rc::gen::inRange(lowest, highest + 1); }

World any_world() {
  const int size = one_of(1, 12);
  const Millirps unit = *rc::gen::element<Millirps>(1, 37, 1000, 10'000);
  const int most_heat = one_of(50, 250);  // percent: quiet worlds and overloaded ones
  World world;
  std::vector<std::pair<int, int>> places;
  for (int i = 0; i < size; ++i) {
    const int continent = one_of(0, 3);
    world.regions.list.push_back(
        {std::string(1, static_cast<char>('a' + i)), std::to_string(continent)});
    places.push_back({continent % 2 * 90 + one_of(0, 60), continent / 2 * 90 + one_of(0, 60)});
    const Millirps capacity = one_of(0, 9) == 0 ? 0 : one_of(1, 400) * unit;
    const Millirps usual = capacity == 0 ? one_of(0, 200) * unit : capacity;
    world.capacity.push_back(capacity);
    world.demand.push_back(one_of(0, 9) == 0 ? 0 : usual * one_of(0, most_heat) / 100);
  }
  world.regions.rtt = Matrix<std::chrono::microseconds>(size);
  const int cut_pairs = one_of(0, 3) == 0 ? 30 : 0;  // percent
  for (int s = 0; s < size; ++s) {
    for (int t = 0; t < size; ++t) {
      const double x = places[s].first - places[t].first, y = places[s].second - places[t].second;
      const bool cut = cut_pairs > 0 && s != t && one_of(0, 99) < cut_pairs;
      world.regions.rtt.at(s, t) =
          cut ? kNoRoute : milliseconds(std::lround(std::sqrt(x * x + y * y)));
    }
  }
  return world;
}

}  // namespace

Topology World::topology() const { return make_topology(regions, {}).value_or_throw(); }

Problem World::problem() const {
  Problem problem;
  problem.demand = demand;
  problem.capacity = capacity;
  return problem;
}

Millirps World::total_demand() const {
  return std::accumulate(demand.begin(), demand.end(), Millirps{0});
}

std::ostream& operator<<(std::ostream& out, const World& world) {
  const Topology topology = world.topology();
  for (int s = 0; s < world.size(); ++s) {
    const Region& region = world.regions.list[s];
    out << region.name << " on " << region.continent << ": demand " << world.demand[s]
        << ", capacity " << world.capacity[s] << ", targets";
    for (const Target& target : topology.targets[s]) {
      out << ' ' << world.regions.list[target.region].name << target.ring;
    }
    out << '\n';
  }
  return out;
}

World renumbered(const World& world, const std::vector<int>& places) {
  World result = world;
  for (int s = 0; s < world.size(); ++s) {
    result.regions.list[places[s]] = world.regions.list[s];
    result.demand[places[s]] = world.demand[s];
    result.capacity[places[s]] = world.capacity[s];
    for (int t = 0; t < world.size(); ++t) {
      result.regions.rtt.at(places[s], places[t]) = world.regions.rtt.at(s, t);
    }
  }
  return result;
}

std::vector<int> any_order(int size) {
  std::vector<int> order(size);
  std::iota(order.begin(), order.end(), 0);
  for (int i = size - 1; i > 0; --i) std::swap(order[i], order[one_of(0, i)]);
  return order;
}

void hold(int count, const std::function<void(const World&)>& property) {
  rc::detail::TestParams params = rc::detail::configuration().testParams;
  params.maxSuccess = count;
  const auto result =
      rc::detail::checkTestable([&] { property(*rc::gen::exec([] { return any_world(); })); },
                                rc::detail::TestMetadata(), params);
  if (result.template is<rc::detail::SuccessResult>()) return;
  std::ostringstream message;
  rc::detail::printResultMessage(result, message);
  FAIL() << message.str() << "\nseed " << params.seed;
}

Millirps leave_bound(const RoutingOptions& options, Millirps capacity, int ring) {
  return share_of(capacity, to_ppm(options.thresholds[ring - 1]));
}

Millirps enter_bound(const RoutingOptions& options, Millirps capacity, int ring) {
  return share_of(capacity, to_ppm(options.thresholds[ring - 1]) - to_ppm(options.margin));
}

}  // namespace zoetrope::traffic::policy

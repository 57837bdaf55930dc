#include "traffic/policy/regions.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <tuple>

#include "base/in_quotes.h"

namespace zoetrope::traffic::policy {
namespace {

using std::chrono::microseconds;

base::Status check(const Regions& regions, const std::vector<int>& by_name) {
  if (regions.list.empty()) return base::invalid_argument("regions: there are none");
  if (regions.rtt.size() != regions.size()) {
    return base::invalid_argument("rtt: not one row and column a region");
  }
  for (std::size_t i = 0; i < by_name.size(); ++i) {
    const std::string& name = regions.list[by_name[i]].name;
    if (name.empty() || name.find('.') != std::string::npos) {
      return base::invalid_argument("regions: " + base::in_quotes(name) +
                                    " is no name: it is empty or has a dot");
    }
    if (i > 0 && name == regions.list[by_name[i - 1]].name) {
      return base::invalid_argument("regions: " + base::in_quotes(name) + " is there twice");
    }
  }
  for (int s = 0; s < regions.size(); ++s) {
    for (int t = 0; t < regions.size(); ++t) {
      if (s != t && regions.rtt.at(s, t) < microseconds(0)) {
        return base::invalid_argument("rtt: from " + regions.list[s].name + " to " +
                                      regions.list[t].name + " it is negative");
      }
    }
  }
  return {};
}

int ring_of(const Regions& regions, const RingBounds& bounds, int from, int to) {
  if (from == to) return 0;
  const microseconds rtt = regions.rtt.at(from, to);
  if (rtt == kNoRoute) return kNoRing;
  if (rtt <= bounds.near_rtt) return 1;
  if (rtt > bounds.far_rtt) return kNoRing;
  return regions.list[from].continent == regions.list[to].continent ? 2 : 3;
}

}  // namespace

std::optional<Millirps> to_millirps(double requests_per_s) {
  const double rate = requests_per_s * 1000;
  if (!(rate >= 0 && rate <= static_cast<double>(kMostMillirps))) return std::nullopt;
  return std::llround(rate);
}

base::Result<Topology> make_topology(const Regions& regions, const RingBounds& bounds) {
  const int size = regions.size();
  std::vector<int> by_name(size);
  std::iota(by_name.begin(), by_name.end(), 0);
  std::sort(by_name.begin(), by_name.end(),
            [&](int a, int b) { return regions.list[a].name < regions.list[b].name; });
  ZT_RETURN_IF_ERROR(check(regions, by_name));

  Topology topology;
  topology.ring = Matrix<std::uint8_t>(size);
  topology.order.resize(size);
  for (int i = 0; i < size; ++i) topology.order[by_name[i]] = i;
  topology.targets.resize(size);
  for (int s = 0; s < size; ++s) {
    std::vector<Target>& targets = topology.targets[s];
    for (int t = 0; t < size; ++t) {
      const int ring = ring_of(regions, bounds, s, t);
      topology.ring.at(s, t) = static_cast<std::uint8_t>(ring);
      if (ring >= 1 && ring <= kRings) targets.push_back({t, ring});
    }
    std::sort(targets.begin(), targets.end(), [&](const Target& a, const Target& b) {
      return std::tuple(a.ring, regions.rtt.at(s, a.region), topology.order[a.region]) <
             std::tuple(b.ring, regions.rtt.at(s, b.region), topology.order[b.region]);
    });
  }
  return topology;
}

}  // namespace zoetrope::traffic::policy

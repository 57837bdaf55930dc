// The regions of a fleet, and in which ring each is seen from each other: what of the routing
// algorithm's input does not change from epoch to epoch. Values, computed once; any thread reads.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "traffic/policy/matrix.h"

namespace zoetrope::traffic::policy {

// A rate in thousandths of a request a second. Integers: sums come out the same in any order.
using Millirps = std::int64_t;
// The largest rate understood: a thousand million requests a second.
constexpr Millirps kMostMillirps = 1'000'000'000'000;

// Nothing where the rate is no rate: NaN, infinite, negative or beyond kMostMillirps. What is
// missing is never taken for 0.
std::optional<Millirps> to_millirps(double requests_per_s);

struct Region {
  std::string name;       // unique; also Envoy's locality.region and .zone, so it holds no dot
  std::string continent;  // ring 2 is "the same continent"
};

// No traffic ever goes this way.
constexpr std::chrono::microseconds kNoRoute = std::chrono::microseconds::max();

// A region is known by its index in `list` everywhere in traffic.
struct Regions {
  std::vector<Region> list;
  Matrix<std::chrono::microseconds> rtt;  // round trip; kNoRoute; the diagonal is not looked at

  int size() const { return static_cast<int>(list.size()); }
};

// Rings of ServiceRouter (OSDI'23). A region's own capacity is ring 0.
constexpr int kRings = 3;
constexpr int kNoRing = kRings + 1;  // never a target

struct RingBounds {
  // Ring 1, "near": up to this RTT. 35 ms is ServiceRouter's example.
  std::chrono::microseconds near_rtt{35'000};
  // Ring 2 is the rest of the continent, ring 3 the rest of the world up to this RTT.
  std::chrono::microseconds far_rtt = std::chrono::hours(1);

  bool operator==(const RingBounds&) const = default;
};

struct Target {
  int region;
  int ring;  // 1 to kRings
};

struct Topology {
  Matrix<std::uint8_t> ring;                 // 0 on the diagonal, 1 to kRings, or kNoRing
  std::vector<std::vector<Target>> targets;  // of each source, by (ring, RTT, name)
  // Place of each region in the order of names: ties are broken by it, so that renumbering the
  // regions renumbers the table and changes nothing else.
  std::vector<int> order;

  int size() const { return ring.size(); }
};

// Refuses an empty list, an empty, repeated or dotted name, a matrix of another size, an RTT < 0.
base::Result<Topology> make_topology(const Regions& regions, const RingBounds& bounds);

}  // namespace zoetrope::traffic::policy

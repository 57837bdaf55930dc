// For tests: random worlds, and properties that hold in all of them.
#pragma once

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <functional>
#include <iosfwd>
#include <vector>

#include "traffic/policy/options.h"
#include "traffic/policy/regions.h"
#include "traffic/policy/solver.h"

namespace zoetrope::traffic::policy {

// One to a dozen regions on a map of four continents. Some have no capacity, some no demand, some
// pairs no route; rates from millirps to thousands of requests a second.
struct World {
  Regions regions;
  std::vector<Millirps> demand, capacity;

  int size() const { return regions.size(); }
  Topology topology() const;
  Problem problem() const;
  Millirps total_demand() const;
};

std::ostream& operator<<(std::ostream& out, const World& world);

// Regions i of `world` becomes region places[i] of the result.
World renumbered(const World& world, const std::vector<int>& places);

// A random order of 0 to size - 1; within a property only.
std::vector<int> any_order(int size);

// Fails the running test at the first of `count` random worlds in which `property` does not hold,
// after shrinking it; the message has the seed.
void hold(int count, const std::function<void(const World&)>& property);

constexpr int kFewWorlds = 200;
constexpr int kManyWorlds = 20'000;

// The thresholds of a region in rates, as the solver rounds them.
Millirps leave_bound(const RoutingOptions& options, Millirps capacity, int ring);
Millirps enter_bound(const RoutingOptions& options, Millirps capacity, int ring);

}  // namespace zoetrope::traffic::policy

// A property twice: in a few worlds among the fast tests, in many among the slow ones.
#define WORLD_PROPERTY(Suite, Name)                               \
  static void Suite##Name(const World& world);                    \
  TEST(Suite##Test, Name) { hold(kFewWorlds, Suite##Name); }      \
  TEST(Suite##SlowTest, Name) { hold(kManyWorlds, Suite##Name); } \
  static void Suite##Name(const World& world)

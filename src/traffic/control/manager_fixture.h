// What tests of the manager's failures share: a manager over a fake world, and questions about what
// it published.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "support/temporary_folder.h"
#include "traffic/control/fake_world.h"

namespace zoetrope::traffic::control::testing {

// Requests/s at which a region's u is 1.
inline double usable(int workers) { return .88 * workers / kServiceSeconds; }

inline FakeRegion region(double u, int workers = 100) {
  FakeRegion made;
  made.demand = u * usable(workers);
  made.workers = workers;
  return made;
}

// A manager in a fake world, with a folder for its state.
class ManagerFixture : public ::testing::Test {
 protected:
  std::unique_ptr<Manager> start(FakeWorld& world) { return start(world, lead_alone(), "state"); }
  std::unique_ptr<Manager> start(FakeWorld& world, std::unique_ptr<Leadership> leadership,
                                 const std::string& state,
                                 const std::function<void(FleetConfig&)>& adjust = {}) {
    FleetConfig config = world.config(folder_.path() / state);
    if (adjust) adjust(config);
    auto made = Manager::make(std::move(config), world.surroundings(std::move(leadership)));
    EXPECT_TRUE(made.ok()) << made.status().message();
    return made.ok() ? *std::move(made) : nullptr;
  }

  const test_support::TemporaryFolder folder_;
};

inline const Publication& published(const Manager& manager) {
  const auto snapshot = manager.snapshot();
  if (!snapshot->publication) throw std::runtime_error("nothing is published");
  static std::shared_ptr<const Snapshot> kept;  // until the next call
  kept = snapshot;
  return *kept->publication;
}

inline policy::RegionReport report(const Manager& manager, int region) {
  const auto snapshot = manager.snapshot();
  return snapshot->decision ? snapshot->decision->regions.at(region) : policy::RegionReport{};
}

inline int weight(const Manager& manager, int s, int t) {
  return published(manager).table.weight.at(s, t);
}

// Before anything is published everybody serves their own.
inline int home_weight(const Manager& manager, int region) {
  return manager.snapshot()->publication ? weight(manager, region, region) : policy::kWeightSum;
}

// Of region t, if its capacity and all demand were as last reported and `table` were in force.
inline double utilisation(const Manager& manager, const policy::Table& table, int t) {
  double inflow = 0;
  for (int s = 0; s < table.size(); ++s) {
    inflow +=
        static_cast<double>(report(manager, s).demand) * table.weight.at(s, t) / policy::kWeightSum;
  }
  return inflow / static_cast<double>(report(manager, t).capacity);
}

inline bool was_said(const Manager& manager, const std::string& words) {
  const auto snapshot = manager.snapshot();
  return std::any_of(snapshot->events.begin(), snapshot->events.end(), [&](const Event& event) {
    return event.words.find(words) != std::string::npos;
  });
}

}  // namespace zoetrope::traffic::control::testing

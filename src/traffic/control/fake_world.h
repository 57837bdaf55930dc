// A fleet that exists only in numbers, for tests of the manager: gateways that follow the table the
// manager publishes, workers that get busy, and every failure of docs/traffic.md as a switch. Time
// moves when a test says so.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "traffic/control/manager.h"

namespace zoetrope::traffic::control::testing {

constexpr double kServiceSeconds = 4;

struct FakeRegion {
  double demand = 0;  // requests/s
  int workers = 100;
  bool gateway_silent = false;  // the manager cannot read it
  bool workers_silent = false;
  bool dark = false;         // its users do not get through
  bool dead = false;         // all workers gone; gateways notice
  std::set<int> draining;    // workers
  std::string broken_value;  // what a worker's load reads as; empty: the truth
  std::set<int> cut_off;     // regions that its gateway does not reach
};

// Leadership as etcd grants it, for managers that share `Seat`.
struct Seat {
  std::string holder;
  int64_t version = 0;
  std::set<std::string> cut_off;  // managers that do not reach it
};

class FakeWorld {
 public:
  explicit FakeWorld(std::vector<FakeRegion> regions_in);

  // Regions r0, r1, ... on one continent, 10 ms apart; gateway r is 10.0.r.1, workers 10.0.r.2 on
  // ports from 1000.
  FleetConfig config(const std::filesystem::path& state) const;
  Surroundings surroundings(std::unique_ptr<Leadership> leadership = lead_alone());
  std::unique_ptr<Leadership> leadership(Seat& seat, const std::string& name) const;

  // The world for `epochs` epochs, each ending with one of the manager.
  void run(Manager& manager, int epochs);
  // Requests are served by `table` for an epoch; nobody looks.
  void pass(const policy::Table& table);

  Time now() const { return now_; }
  // Share of the region's workers that were busy in the last epoch.
  double busy(int region) const { return busy_[region]; }
  // Requests admitted, over requests offered, since the start.
  double success() const { return admitted_in_all_ / offered_in_all_; }

  std::vector<FakeRegion> regions;
  std::function<base::Result<std::string>(const std::string&)> pull;

 private:
  std::vector<Scrape> fetch(const std::vector<Target>& targets, Time now) const;
  std::string gateway_text(int region) const;
  std::vector<Sample> worker_samples(int region, int worker) const;
  double capacity(int region) const;  // requests/s at which every worker is busy

  Time now_ = std::chrono::hours(1);
  Names wanted_;
  std::vector<double> arrived_;                // counters
  std::vector<std::vector<double>> admitted_;  // [from][to]
  std::vector<double> busy_;
  double offered_in_all_ = 0;
  double admitted_in_all_ = 0;
};

}  // namespace zoetrope::traffic::control::testing

// Which region a gateway asks: the routing table with what the gateway itself knows (regions whose
// workers do not answer), or one of the ways of routing that the table is compared with.
//
// Owns the policy object and what it is fed. Part of the simulator; one thread.
#pragma once

#include <memory>
#include <vector>

#include "base/result.h"
#include "traffic/fleet/random.h"
#include "traffic/fleet/scenario.h"
#include "traffic/fleet/world.h"
#include "traffic/policy/policy.h"

namespace zoetrope::traffic::fleet {

class Router {
 public:
  static base::Result<Router> make(const Options& options, const std::vector<Place>& places,
                                   const std::vector<int>& gpus);

  // The region that try `tries` (from 1) of a submission in `home` goes to.
  int pick(int home, int tries, Random& random) const;
  // Whether `home` refuses this submission, as the table has it (drop_overloads).
  bool sheds(int home, Random& random) const {
    const int drop = table_.drop.empty() ? 0 : table_.drop[static_cast<size_t>(home)];
    return drop > 0 && random.below(policy::kDropSum) < static_cast<uint32_t>(drop);
  }

  int64_t rtt_ns(int from, int to) const { return rtt_ns_.at(from, to); }
  int ring(int from, int to) const;
  bool reaches(int from, int to) const { return cut_.at(from, to) == 0; }

  // Gateways take `region` out of every choice, or back in.
  void set_ejected(int region, bool ejected);
  void set_cut(int a, int b, bool cut);

  // What the manager sees, between epochs.
  void submitted(int home) { ++demand_[static_cast<size_t>(home)]; }
  void admitted(int home, int there) { ++admitted_.at(home, there); }
  // One look at a region's GPUs.
  void look(int region, int64_t busy, int64_t ready);

  // An epoch ends: the manager reads what gateways and workers counted. Regions in `stale` report
  // nothing. `publishes` false: the manager is down. True if there is a new table.
  base::Result<bool> epoch(double epoch_s, const std::vector<uint8_t>& stale, bool publishes);

  double limit() const { return policy_.options().tiers.front().limit; }

 private:
  struct Choice {
    int region;
    uint32_t up_to;  // cumulative weight
  };
  Router(const Options& options, policy::RoutingPolicy policy, std::vector<int> gpus);
  void refresh();
  void refresh_row(int home);
  policy::EpochInputs inputs(double epoch_s, const std::vector<uint8_t>& stale) const;

  Routing kind_;
  policy::RoutingPolicy policy_;
  policy::Table table_;
  bool fixed_ = false;  // the table stays as it is
  std::vector<int> gpus_;
  policy::Matrix<int64_t> rtt_ns_;
  policy::Matrix<uint8_t> cut_;
  std::vector<uint8_t> ejected_;
  std::vector<std::vector<Choice>> rows_;  // by home; home first, where it is in the row
  std::vector<std::vector<int>> nearest_;  // by home, home first
  std::vector<int64_t> demand_;
  policy::Matrix<int64_t> admitted_;
  std::vector<double> busy_share_;  // summed over looks
  std::vector<int64_t> ready_;
  int looks_ = 0;
};

}  // namespace zoetrope::traffic::fleet

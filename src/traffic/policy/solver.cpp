#include "traffic/policy/solver.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <queue>

#include "traffic/policy/shares.h"

namespace zoetrope::traffic::policy {
namespace {

// Heat of a region: infinite where there is load and no capacity.
double utilisation(Millirps load, Millirps capacity) {
  if (load == 0) return 0;
  if (capacity == 0) return std::numeric_limits<double>::infinity();
  return static_cast<double>(load) / static_cast<double>(capacity);
}

class Solver {
 public:
  Solver(const Topology& topology, const RoutingOptions& options, const Problem& problem)
      : topology_(topology), options_(options), problem_(problem), size_(topology.size()) {}

  Plan run() {
    start_at_home();
    const int passes = options_.passes == Passes::kExtended ? kRings : 1;
    for (int pass = 0; pass < passes; ++pass) run_pass(pass);
    for (int s = 0; s < size_; ++s) {
      const Millirps over = plan_.inflow[s] - problem_.capacity[s];
      plan_.residual[s] = std::clamp<Millirps>(over, 0, plan_.flow.at(s, s));
    }
    return std::move(plan_);
  }

 private:
  struct Hot {
    double heat;
    int order;
    int region;
    bool operator<(const Hot& other) const {
      return heat != other.heat ? heat < other.heat : order > other.order;
    }
  };
  enum class Targets { kInForce, kAll };
  struct Choice {
    int region = -1;
    int ring = 0;
    Millirps most = 0;
  };

  void start_at_home() {
    plan_.flow = Matrix<Millirps>(size_);
    plan_.inflow.assign(size_, 0);
    plan_.residual.assign(size_, 0);
    plan_.stuck.assign(size_, 0);
    plan_.level.assign(size_, 0);
    bounds_.resize(size_);
    const Ppm margin = to_ppm(options_.margin);
    for (int s = 0; s < size_; ++s) {
      const Ppm relief = problem_.relief.empty() ? 0 : to_ppm(problem_.relief[s]);
      for (int k = 0; k < kRings; ++k) {
        const Ppm threshold = to_ppm(options_.thresholds[k]) - relief;
        bounds_[s].leave[k] = share_of(problem_.capacity[s], threshold);
        bounds_[s].enter[k] = share_of(problem_.capacity[s], threshold - margin);
      }
      place(s);
    }
    for (int s = 0; s < size_; ++s) {
      for (int t = 0; t < size_; ++t) plan_.inflow[t] += plan_.flow.at(s, t);
      plan_.level[s] = level(s, problem_.demand[s]);
    }
  }

  bool is_frozen(int s) const { return !problem_.frozen.empty() && problem_.frozen[s]; }

  // All of s's demand home, or where its frozen row has it.
  void place(int s) {
    const Millirps demand = problem_.demand[s];
    Millirps* row = plan_.flow.row(s);
    row[s] = demand;
    if (!is_frozen(s)) return;
    const Millirps* current = problem_.current.row(s);
    const Millirps total = std::accumulate(current, current + size_, Millirps{0});
    if (total == 0) return;
    for (int t = 0; t < size_; ++t) {
      if (t == s) continue;
      row[t] = mul_div(demand, current[t], total);
      row[s] -= row[t];
    }
  }

  int level(int s, Millirps load) const {
    int level = 0;
    while (level < kRings && load > bounds_[s].leave[level]) ++level;
    return level;
  }

  // A region is sender or receiver in a pass, never both: this is why it ends. What is in force
  // comes first, for all: else two regions could pass a target's room to each other for ever.
  void run_pass(int pass) {
    if (!problem_.current.empty()) run_round(pass, Targets::kInForce);
    run_round(pass, Targets::kAll);
  }

  void run_round(int pass, Targets targets) {
    std::priority_queue<Hot> heap;
    const auto push = [&](int s) {
      if (plan_.inflow[s] > bounds_[s].leave[pass]) {
        heap.push({utilisation(plan_.inflow[s], problem_.capacity[s]), topology_.order[s], s});
      }
    };
    for (int s = 0; s < size_; ++s) {
      plan_.stuck[s] = 0;
      push(s);
    }
    while (!heap.empty()) {
      const int s = heap.top().region;
      heap.pop();
      const bool fixed = is_frozen(s) || plan_.flow.at(s, s) == 0;
      const Choice choice = fixed ? Choice{} : choose(s, pass, targets);
      if (choice.region < 0) {
        plan_.stuck[s] = 1;
        continue;
      }
      move(s, choice, pass);
      push(s);
    }
  }

  // Rings beyond the first relieve s only down to the threshold that unlocked them.
  void move(int s, const Choice& choice, int pass) {
    const Millirps most = std::max(problem_.capacity[s], problem_.demand[s]);
    const Millirps chunk = std::max<Millirps>(share_of(most, to_ppm(options_.chunk)), 1);
    const Millirps excess = plan_.inflow[s] - bounds_[s].leave[std::max(pass, choice.ring - 1)];
    const Millirps moved = std::min({chunk, excess, choice.most, plan_.flow.at(s, s)});
    plan_.flow.at(s, s) -= moved;
    plan_.flow.at(s, choice.region) += moved;
    plan_.inflow[s] -= moved;
    plan_.inflow[choice.region] += moved;
    ++plan_.moves;
  }

  // The target with most headroom (as a share of its capacity) in the nearest unlocked ring that
  // has any; what is in force there is refilled before others are asked.
  Choice choose(int s, int pass, Targets targets) const {
    const int unlocked = level(s, plan_.inflow[s]);
    Choice best;
    double best_share = 0;
    bool best_known = false;
    for (const Target& target : topology_.targets[s]) {
      if (target.ring > unlocked || (best.region >= 0 && target.ring > best.ring)) break;
      const int t = target.region;
      const Millirps headroom = bounds_[t].enter[pass] - plan_.inflow[t];
      const Millirps flow = plan_.flow.at(s, t);
      const Millirps allowed =
          problem_.most.empty() ? headroom : std::min(headroom, problem_.most.at(s, t) - flow);
      if (allowed <= 0) continue;
      const bool known = !problem_.current.empty() && flow < problem_.current.at(s, t);
      const double share =
          static_cast<double>(headroom) / static_cast<double>(problem_.capacity[t]);
      if (best.region >= 0 && (known == best_known ? share <= best_share : best_known)) continue;
      best_share = share;
      best_known = known;
      best.region = t;
      best.ring = target.ring;
      best.most = known ? std::min(allowed, problem_.current.at(s, t) - flow) : allowed;
    }
    return targets == Targets::kInForce && !best_known ? Choice{} : best;
  }

  struct Bounds {
    Millirps leave[kRings];  // above it the region sends
    Millirps enter[kRings];  // up to it the region receives
  };

  const Topology& topology_;
  const RoutingOptions& options_;
  const Problem& problem_;
  const int size_;
  std::vector<Bounds> bounds_;
  Plan plan_;
};

}  // namespace

Millirps Plan::total_residual() const {
  return std::accumulate(residual.begin(), residual.end(), Millirps{0});
}

Plan solve(const Topology& topology, const RoutingOptions& options, const Problem& problem) {
  return Solver(topology, options, problem).run();
}

}  // namespace zoetrope::traffic::policy

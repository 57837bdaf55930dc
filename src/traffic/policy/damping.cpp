#include "traffic/policy/damping.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <tuple>

#include "traffic/policy/shares.h"

namespace zoetrope::traffic::policy {
namespace {

// What one row is about to do, in rates.
struct Row {
  int source = 0;
  bool changes = false;
  std::vector<Millirps> now, target;
  std::vector<Millirps> moved;   // what the step adds to each destination
  std::vector<Millirps> urgent;  // what cannot wait: it leaves blocked ones, or was dropped so far
  std::vector<Millirps> flow;    // after the step, without the urgent
  Millirps fleeing = 0;          // all that is urgent
  Millirps leaving = 0;          // leaves other destinations, before the bound on receivers
  Millirps dropped = 0;
};

int home_weight(const Table& table, int s) { return table.weight.at(s, s); }

class Stepper {
 public:
  explicit Stepper(const Step& step)
      : step_(step),
        size_(step.from.size()),
        least_(to_ppm(step.damping.least_change)),
        next_(step.from) {}

  Table run() {
    std::vector<Row> rows;
    for (int s = 0; s < size_; ++s) consider(s, rows);
    bound_moved(rows);
    for (Row& row : rows) go(row);
    if (step_.shed == Shed::kAtSource) bound_urgent(rows);
    for (const Row& row : rows) {
      if (row.changes) publish(row);
    }
    return std::move(next_);
  }

 private:
  // Demand less what is to be dropped.
  Millirps admitted(int s) const {
    const Millirps* row = step_.plan.flow.row(s);
    return std::accumulate(row, row + size_, Millirps{0}) - dropped(s);
  }
  Millirps dropped(int s) const {
    return step_.shed == Shed::kAtSource && !step_.frozen[s] ? step_.plan.residual[s] : 0;
  }

  // At least 1, lest the smallest regions never get anything.
  Millirps most_rise(int t) const {
    return std::max<Millirps>(share_of(step_.capacity[t], to_ppm(step_.damping.most_rise)),
                              step_.capacity[t] > 0);
  }

  void consider(int s, std::vector<Row>& rows) {
    const Millirps rate = admitted(s);
    const Millirps drop = dropped(s);
    const int old_drop = step_.from.drop[s];
    const int new_drop = step_.frozen[s] ? old_drop
                         : drop == 0     ? 0
                                         : static_cast<int>(mul_div(drop, kDropSum, rate + drop));
    if (rate == 0) {
      no_traffic(s, new_drop);
      return;
    }
    rows.push_back(start(s, rate));
    Row& row = rows.back();
    row.changes = is_worth_it(row, new_drop);
    if (!row.changes) return;
    row.dropped = drop;
    const Ppm share = to_ppm(step_.damping.step);
    // The rest of the way would not be worth a table of its own.
    const Ppm way = distance(row, new_drop);
    const bool last = way - share_of(way, share) < least_;
    advance(row, step_.frozen[s] ? 0 : last ? kPpm : share);
  }

  // L1 between the row in force and the target.
  Ppm distance(const Row& row, int new_drop) const {
    Ppm sum = std::abs(new_drop - step_.from.drop[row.source]) * (kPpm / kDropSum);
    const std::vector<int> target = apportion(row.target.data(), size_, step_.order);
    for (int t = 0; t < size_; ++t) {
      sum += std::abs(target[t] - step_.from.weight.at(row.source, t)) * (kPpm / kWeightSum);
    }
    return sum;
  }

  bool is_worth_it(const Row& row, int new_drop) const {
    const int s = row.source;
    if (new_drop == 0 && step_.from.drop[s] > 0) return true;
    if (distance(row, new_drop) >= least_) return true;
    const std::vector<int> target = apportion(row.target.data(), size_, step_.order);
    const Millirps rate = std::accumulate(row.target.begin(), row.target.end(), Millirps{0});
    if (target[s] == kWeightSum && home_weight(step_.from, s) != kWeightSum) return true;
    for (int t = 0; t < size_; ++t) {
      const int weight = step_.from.weight.at(s, t);
      if (step_.blocked.at(s, t) && weight > target[t]) return true;
      // Little of this row can be much for a small destination.
      if (mul_div(rate, std::abs(target[t] - weight), kWeightSum) > most_rise(t)) return true;
    }
    return false;
  }

  // Without demand, or with all of it dropped, a row costs nothing to change: home.
  void no_traffic(int s, int drop) {
    if (step_.frozen[s] && !leads_nowhere(s)) return;
    next_.drop[s] = drop;
    go_home(s);
  }

  void go_home(int s) {
    std::fill_n(next_.weight.row(s), size_, 0);
    next_.weight.at(s, s) = kWeightSum;
  }

  bool leads_nowhere(int s) const {
    for (int t = 0; t < size_; ++t) {
      if (step_.blocked.at(s, t) && step_.from.weight.at(s, t) > 0) return true;
    }
    return false;
  }

  Row start(int s, Millirps rate) const {
    Row row;
    row.source = s;
    row.target.assign(step_.plan.flow.row(s), step_.plan.flow.row(s) + size_);
    row.target[s] -= dropped(s);
    row.now.resize(size_);
    row.urgent.assign(size_, 0);
    row.moved.assign(size_, 0);
    // What is to be dropped no longer is as much on its way as what is new.
    const Millirps so_far =
        std::min(rate, mul_div(rate + dropped(s), kDropSum - step_.from.drop[s], kDropSum));
    const Millirps admitted_now = step_.frozen[s] ? rate : so_far;
    row.fleeing = rate - admitted_now;
    Millirps rest = admitted_now;
    for (int t = 0; t < size_; ++t) {
      row.now[t] = mul_div(admitted_now, step_.from.weight.at(s, t), kWeightSum);
      rest -= row.now[t];
    }
    // A few millirps of rounding, where the row is largest.
    const int* weight = step_.from.weight.row(s);
    int largest = 0;
    for (int t = 1; t < size_; ++t) {
      if (std::tuple(weight[t], -step_.order[t]) >
          std::tuple(weight[largest], -step_.order[largest])) {
        largest = t;
      }
    }
    row.now[largest] += rest;
    for (int t = 0; t < size_; ++t) {
      const Millirps less = std::max<Millirps>(row.now[t] - row.target[t], 0);
      (step_.blocked.at(s, t) ? row.fleeing : row.leaving) += less;
    }
    return row;
  }

  // Fills in what goes where if no receiver minds.
  void advance(Row& row, Ppm share) const {
    const Millirps all = row.fleeing + row.leaving;
    row.leaving = share_of(row.leaving, share);
    if (all == 0) return;
    for (int t = 0; t < size_; ++t) {
      const Millirps more = std::max<Millirps>(row.target[t] - row.now[t], 0);
      row.urgent[t] = mul_div(more, row.fleeing, all);
      row.moved[t] = mul_div(more, row.leaving, all);
    }
  }

  // No destination rises faster than it may; what came from elsewhere than a blocked one waits.
  void bound_moved(std::vector<Row>& rows) const {
    for (int t = 0; t < size_; ++t) {
      const Millirps most = most_rise(t);
      Millirps wanted = 0;
      for (const Row& row : rows) wanted += row.moved[t];
      if (wanted <= most) continue;
      for (Row& row : rows) row.moved[t] = mul_div(row.moved[t], most, wanted);
    }
  }

  // Fills in the flow after the step.
  void go(Row& row) const {
    row.flow = row.now;
    if (!row.changes) return;
    const Millirps moved = std::accumulate(row.moved.begin(), row.moved.end(), Millirps{0});
    Millirps can_leave = 0;
    for (int t = 0; t < size_; ++t) {
      const Millirps less = std::max<Millirps>(row.now[t] - row.target[t], 0);
      if (!step_.blocked.at(row.source, t)) can_leave += less;
    }
    for (int t = 0; t < size_; ++t) {
      const Millirps less = std::max<Millirps>(row.now[t] - row.target[t], 0);
      row.flow[t] += row.moved[t] - (step_.blocked.at(row.source, t) ? less
                                     : can_leave > 0 ? mul_div(less, moved, can_leave)
                                                     : 0);
    }
  }

  // What cannot wait fills a destination up to its capacity: the plan may count on room that others
  // have not left yet. The rest is dropped for now.
  void bound_urgent(std::vector<Row>& rows) const {
    for (int t = 0; t < size_; ++t) {
      Millirps there = 0, wanted = 0;
      for (const Row& row : rows) {
        there += row.flow[t];
        wanted += row.urgent[t];
      }
      const Millirps room = std::max<Millirps>(step_.capacity[t] - there, 0);
      if (wanted <= room) continue;
      for (Row& row : rows) {
        if (step_.frozen[row.source]) continue;
        const Millirps fits = mul_div(row.urgent[t], room, wanted);
        row.dropped += row.urgent[t] - fits;
        row.urgent[t] = fits;
      }
    }
  }

  void publish(const Row& row) {
    const int s = row.source;
    std::vector<Millirps> flow(size_);
    for (int t = 0; t < size_; ++t) flow[t] = row.flow[t] + row.urgent[t];
    const Millirps admitted = std::accumulate(flow.begin(), flow.end(), Millirps{0});
    if (!step_.frozen[s]) {
      next_.drop[s] = static_cast<int>(
          mul_div(row.dropped, kDropSum, std::max<Millirps>(admitted + row.dropped, 1)));
    }
    if (admitted == 0) {
      go_home(s);
      return;
    }
    const std::vector<int> weights = apportion(flow.data(), size_, step_.order);
    std::copy(weights.begin(), weights.end(), next_.weight.row(s));
  }

  const Step& step_;
  const int size_;
  const Ppm least_;
  Table next_;
};

}  // namespace

Table next_table(const Step& step) { return Stepper(step).run(); }

}  // namespace zoetrope::traffic::policy

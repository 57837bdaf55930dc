#include "traffic/policy/damping.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <tuple>

#include "traffic/policy/shares.h"

namespace zoetrope::traffic::policy {
namespace {

// What one row is about to do, in rates of admitted requests.
struct Row {
  int source = 0;
  std::vector<Millirps> now, target;  // sums are equal
  std::vector<Millirps> evacuated;    // what flees to each target
  std::vector<Millirps> moved;        // what the step adds to each target besides
  Millirps fleeing = 0;               // leaves blocked destinations
  Millirps leaving = 0;               // leaves others, before the bound on receivers
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
    bound(rows);
    for (const Row& row : rows) publish(row);
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
    Row row = start(s, rate);
    const std::vector<int> target = apportion(row.target.data(), size_, step_.order);
    Ppm distance = std::abs(new_drop - old_drop) * (kPpm / kDropSum);
    bool flees = false;
    for (int t = 0; t < size_; ++t) {
      const int weight = step_.from.weight.at(s, t);
      distance += std::abs(target[t] - weight) * (kPpm / kWeightSum);
      flees |= step_.blocked.at(s, t) && weight > target[t];
    }
    const bool ends = target[s] == kWeightSum && home_weight(step_.from, s) != kWeightSum;
    const bool stops_dropping = new_drop == 0 && old_drop > 0;
    if (!flees && !ends && !stops_dropping && distance < least_) return;
    next_.drop[s] = new_drop;
    // The rest of the way would not be worth a table of its own.
    const Ppm share = to_ppm(step_.damping.step);
    const bool last = distance - share_of(distance, share) < least_;
    advance(row, step_.frozen[s] ? 0 : last ? kPpm : share);
    rows.push_back(std::move(row));
  }

  // Without demand, or with all of it dropped, a row costs nothing to change: home.
  void no_traffic(int s, int drop) {
    if (step_.frozen[s] && !leads_nowhere(s)) return;
    next_.drop[s] = drop;
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
    Millirps rest = rate;
    for (int t = 0; t < size_; ++t) {
      row.now[t] = mul_div(rate, step_.from.weight.at(s, t), kWeightSum);
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
    row.evacuated.assign(size_, 0);
    row.moved.assign(size_, 0);
    if (all == 0) return;
    for (int t = 0; t < size_; ++t) {
      const Millirps more = std::max<Millirps>(row.target[t] - row.now[t], 0);
      row.evacuated[t] = mul_div(more, row.fleeing, all);
      row.moved[t] = mul_div(more, row.leaving, all);
    }
  }

  // No destination rises faster than it may; what came from elsewhere than a blocked one waits.
  void bound(std::vector<Row>& rows) const {
    for (int t = 0; t < size_; ++t) {
      // At least 1, lest the smallest regions never get anything.
      const Millirps most = std::max<Millirps>(
          share_of(step_.capacity[t], to_ppm(step_.damping.most_rise)), step_.capacity[t] > 0);
      Millirps wanted = 0;
      for (const Row& row : rows) wanted += row.moved[t];
      if (wanted <= most) continue;
      for (Row& row : rows) row.moved[t] = mul_div(row.moved[t], most, wanted);
    }
  }

  void publish(const Row& row) {
    const int s = row.source;
    const Millirps moved = std::accumulate(row.moved.begin(), row.moved.end(), Millirps{0});
    Millirps can_leave = 0;
    for (int t = 0; t < size_; ++t) {
      if (!step_.blocked.at(s, t)) {
        can_leave += std::max<Millirps>(row.now[t] - row.target[t], 0);
      }
    }
    std::vector<Millirps> flow(size_);
    for (int t = 0; t < size_; ++t) {
      const Millirps less = std::max<Millirps>(row.now[t] - row.target[t], 0);
      const Millirps left = step_.blocked.at(s, t) ? less
                            : can_leave > 0        ? mul_div(less, moved, can_leave)
                                                   : 0;
      flow[t] = row.now[t] - left + row.evacuated[t] + row.moved[t];
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

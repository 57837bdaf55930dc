#include "traffic/policy/table.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "traffic/policy/shares.h"

namespace zoetrope::traffic::policy {

Table home_table(int regions) {
  Table table{Matrix<int>(regions), std::vector<int>(regions)};
  for (int s = 0; s < regions; ++s) table.weight.at(s, s) = kWeightSum;
  return table;
}

base::Status validate(const Table& table, int regions) {
  if (table.size() != regions || static_cast<int>(table.drop.size()) != regions) {
    return base::invalid_argument("table: it is for another number of regions");
  }
  for (int s = 0; s < regions; ++s) {
    const std::string row = "table, row " + std::to_string(s) + ": ";
    std::int64_t sum = 0;
    for (int t = 0; t < regions; ++t) {
      if (table.weight.at(s, t) < 0) return base::invalid_argument(row + "a negative weight");
      sum += table.weight.at(s, t);
    }
    if (sum != kWeightSum) {
      return base::invalid_argument(row + "the weights sum to " + std::to_string(sum) + ", not " +
                                    std::to_string(kWeightSum));
    }
    if (table.drop[s] < 0 || table.drop[s] > kDropSum) {
      return base::invalid_argument(row + "drop is not from 0 to " + std::to_string(kDropSum));
    }
  }
  return {};
}

std::vector<int> apportion(const Millirps* flow, int size, const std::vector<int>& order) {
  const Millirps total = std::accumulate(flow, flow + size, Millirps{0});
  std::vector<int> weights(size);
  std::vector<Millirps> remainder(size);
  int left = kWeightSum;
  for (int t = 0; t < size; ++t) {
    weights[t] = static_cast<int>(mul_div(flow[t], kWeightSum, total));
    remainder[t] = flow[t] * kWeightSum - weights[t] * total;
    left -= weights[t];
  }
  std::vector<int> by_remainder(size);
  std::iota(by_remainder.begin(), by_remainder.end(), 0);
  std::partial_sort(by_remainder.begin(), by_remainder.begin() + left, by_remainder.end(),
                    [&](int a, int b) {
                      return std::tuple(-remainder[a], -flow[a], order[a]) <
                             std::tuple(-remainder[b], -flow[b], order[b]);
                    });
  for (int i = 0; i < left; ++i) ++weights[by_remainder[i]];
  return weights;
}

}  // namespace zoetrope::traffic::policy

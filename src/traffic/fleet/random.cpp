#include "traffic/fleet/random.h"

#include <numeric>

#include "base/philox.h"

namespace zoetrope::traffic::fleet {

void AliasTable::build(std::span<const double> weights) {
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  const auto n = static_cast<double>(weights.size());
  cells_.assign(weights.size(), {1.0, 0});
  std::vector<int> small, large;
  std::vector<double> scaled(weights.size());
  for (size_t i = 0; i < weights.size(); ++i) {
    scaled[i] = weights[i] / sum * n;
    cells_[i].other = static_cast<int>(i);
    (scaled[i] < 1 ? small : large).push_back(static_cast<int>(i));
  }
  while (!small.empty() && !large.empty()) {
    const int lesser = small.back(), greater = large.back();
    small.pop_back();
    cells_[static_cast<size_t>(lesser)] = {scaled[static_cast<size_t>(lesser)], greater};
    double& left = scaled[static_cast<size_t>(greater)];
    left -= 1 - scaled[static_cast<size_t>(lesser)];
    if (left < 1) {
      large.pop_back();
      small.push_back(greater);
    }
  }
}

ServiceTime::ServiceTime(double mean_s, double variation) {
  const double sigma2 = std::log1p(variation * variation);
  const double mu = std::log(mean_s) - sigma2 / 2;
  table_.resize(size_t{1} << kBits);
  double sum = 0;
  std::vector<double> seconds(table_.size());
  for (size_t i = 0; i < table_.size(); ++i) {
    const double p = (static_cast<double>(i) + 0.5) / static_cast<double>(table_.size());
    seconds[i] = std::exp(mu + std::sqrt(sigma2) * base::normal_quantile(p));
    sum += seconds[i];
  }
  // The table cuts off the tail; the mean is what capacity depends on, so it is kept exact.
  const double correction = mean_s * static_cast<double>(table_.size()) / sum;
  for (size_t i = 0; i < table_.size(); ++i) {
    table_[i] = static_cast<int64_t>(seconds[i] * correction * 1e9);
  }
}

}  // namespace zoetrope::traffic::fleet

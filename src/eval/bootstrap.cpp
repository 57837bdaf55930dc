#include "eval/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <numeric>

#include "base/philox.h"
#include "base/status.h"

namespace zoetrope::eval {
namespace {

// Linear between the sorted values.
double quantile(const std::vector<double>& sorted, double p) {
  const double place = p * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

std::vector<double> finite_sorted(const Sample& sample) {
  std::vector<double> kept;
  std::ranges::copy_if(sample.replicates, std::back_inserter(kept),
                       [](double value) { return std::isfinite(value); });
  std::ranges::sort(kept);
  return kept;
}

Interval interval_of(double value, const std::vector<double>& sorted, double shift) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  if (!std::isfinite(value) || sorted.empty()) return {kNone, kNone, kNone};
  return {value, quantile(sorted, 0.025) + shift, quantile(sorted, 0.975) + shift};
}

}  // namespace

Bootstrap::Bootstrap(int clusters, int replicates, uint64_t seed)
    : clusters_(clusters), replicates_(replicates) {
  base::require(clusters > 0 && replicates > 0, "bootstrap: nothing to draw from");
  draws_.resize(static_cast<size_t>(clusters) * replicates);
  for (int r = 0; r < replicates; ++r) {
    for (int i = 0; i < clusters; ++i) {
      draws_[static_cast<size_t>(r) * clusters + i] =
          static_cast<int>(base::uniform_at(seed, r, i) * clusters);
    }
  }
}

Sample Bootstrap::sample(const Statistic& statistic) const {
  std::vector<int> each(clusters_);
  std::iota(each.begin(), each.end(), 0);
  Sample found{statistic(each), {}};
  found.replicates.reserve(replicates_);
  for (int r = 0; r < replicates_; ++r) {
    found.replicates.push_back(
        statistic(Draw(draws_).subspan(static_cast<size_t>(r) * clusters_, clusters_)));
  }
  return found;
}

Sample operator-(const Sample& a, const Sample& b) {
  Sample difference{a.value - b.value, a.replicates};
  for (size_t r = 0; r < b.replicates.size(); ++r) difference.replicates[r] -= b.replicates[r];
  return difference;
}

Interval percentile(const Sample& sample) {
  return interval_of(sample.value, finite_sorted(sample), 0);
}

Interval centred(const Sample& sample) {
  const std::vector<double> sorted = finite_sorted(sample);
  const double mean = std::accumulate(sorted.begin(), sorted.end(), 0.0) /
                      static_cast<double>(std::max<size_t>(1, sorted.size()));
  return interval_of(sample.value, sorted, sample.value - mean);
}

ClusterMean::ClusterMean(std::span<const double> values, std::span<const int> cluster_of,
                         int clusters)
    : sums_(clusters, 0.0), counts_(clusters, 0.0) {
  base::require(values.size() == cluster_of.size(), "bootstrap: one cluster a value expected");
  for (size_t i = 0; i < values.size(); ++i) {
    sums_[cluster_of[i]] += values[i];
    counts_[cluster_of[i]] += 1;
  }
}

double ClusterMean::operator()(Draw draw) const {
  double sum = 0, count = 0;
  for (const int cluster : draw) {
    sum += sums_[cluster];
    count += counts_[cluster];
  }
  return sum / count;  // NaN without clips
}

}  // namespace zoetrope::eval

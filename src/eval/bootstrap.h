// Intervals by the bootstrap: the same figure of many samples drawn with replacement from the
// clips.
//
// What is drawn is whole clusters (concepts): clips of one concept, in another skin tone or from
// another seed, resemble each other, and drawing them singly would make intervals too narrow
// (Davison and Hinkley, "Bootstrap methods and their application" (1997), section 3.8). Draws are a
// pure function of (seed, replicate, position), so all figures and all configurations see the same
// samples: the interval of a difference is that of pairs.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace zoetrope::eval {

struct Interval {
  double value = 0;  // of the clips as they are
  double low = 0;    // 2.5 % and 97.5 % quantiles
  double high = 0;
};

// The clusters of one sample; some occur more than once, some not at all.
using Draw = std::span<const int>;

// A figure of the clips as they are and of every replicate.
struct Sample {
  double value = 0;
  std::vector<double> replicates;
};

// Of the difference, replicate by replicate: of pairs.
Sample operator-(const Sample& a, const Sample& b);

// Percentile interval. Replicates that are not finite (a ratio without a base) are left out; if the
// figure itself is not, all three numbers are NaN.
Interval percentile(const Sample& sample);

// The same, shifted so that the replicates' mean lies on the figure: for figures like the Fréchet
// distance that grow when a sample repeats its members.
Interval centred(const Sample& sample);

class Bootstrap {
 public:
  Bootstrap(int clusters, int replicates, uint64_t seed);

  using Statistic = std::function<double(Draw)>;
  Sample sample(const Statistic& statistic) const;

 private:
  int clusters_;
  int replicates_;
  std::vector<int> draws_;  // [replicates, clusters]
};

// A mean over clips in form of a statistic: sums and counts a cluster.
class ClusterMean {
 public:
  ClusterMean(std::span<const double> values, std::span<const int> cluster_of, int clusters);
  double operator()(Draw draw) const;

 private:
  std::vector<double> sums_;
  std::vector<double> counts_;
};

}  // namespace zoetrope::eval

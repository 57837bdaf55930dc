#include "eval/bootstrap.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/philox.h"

namespace zoetrope::eval {
namespace {

TEST(BootstrapTest, TheFigureIsThatOfTheClipsAsTheyAre) {
  const std::vector<double> values = {1, 2, 3, 10};
  const std::vector<int> clusters = {0, 0, 1, 2};
  const Bootstrap bootstrap(3, 500, 1);
  const Interval i = percentile(bootstrap.sample(ClusterMean(values, clusters, 3)));
  EXPECT_DOUBLE_EQ(i.value, 4);
  EXPECT_LT(i.low, i.value);
  EXPECT_GT(i.high, i.value);
  EXPECT_GE(i.low, 1.5);  // the least sample: cluster 0 three times
  EXPECT_LE(i.high, 10);
}

TEST(BootstrapTest, OneSeedOneInterval) {
  const std::vector<double> values = {1, 5, 2, 8, 3};
  const std::vector<int> clusters = {0, 1, 2, 3, 4};
  const ClusterMean mean(values, clusters, 5);
  const auto interval = [&](uint64_t seed) {
    return percentile(Bootstrap(5, 200, seed).sample(mean));
  };
  EXPECT_EQ(interval(7).low, interval(7).low);
  EXPECT_NE(Bootstrap(5, 200, 7).sample(mean).replicates,
            Bootstrap(5, 200, 8).sample(mean).replicates);
}

// Two figures that rise and fall together: the difference in pairs is sure, though each is not.
TEST(BootstrapTest, DifferencesAreOfPairs) {
  constexpr int kClusters = 30;
  std::vector<double> a, b;
  std::vector<int> clusters;
  for (int c = 0; c < kClusters; ++c) {
    a.push_back(10 * base::normal_at(5, 0, c));
    b.push_back(a.back() + 1 + 0.1 * base::normal_at(5, 1, c));
    clusters.push_back(c);
  }
  const Bootstrap bootstrap(kClusters, 1000, 2);
  const Sample of_a = bootstrap.sample(ClusterMean(a, clusters, kClusters));
  const Sample of_b = bootstrap.sample(ClusterMean(b, clusters, kClusters));
  const Interval difference = percentile(of_b - of_a);
  EXPECT_NEAR(difference.value, 1, 0.1);
  EXPECT_GT(difference.low, 0.9);
  EXPECT_LT(difference.high, 1.1);
  EXPECT_LT(percentile(of_b).low, percentile(of_a).high) << "their own intervals overlap";
}

TEST(BootstrapTest, AShiftedIntervalLiesAroundItsFigure) {
  const Sample biased{10, {13, 14, 15, 16, 17}};
  EXPECT_GT(percentile(biased).low, 10);
  const Interval i = centred(biased);
  EXPECT_NEAR((i.low + i.high) / 2, 10, 1e-12);
  EXPECT_NEAR(i.high - i.low, percentile(biased).high - percentile(biased).low, 1e-12);
}

TEST(BootstrapTest, WhatHasNoValueHasNoInterval) {
  const double none = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(std::isnan(percentile({none, {1, 2}}).low));
  EXPECT_TRUE(std::isnan(percentile({1, {}}).value));
  const Interval i = percentile({1, {none, 0, 2, none}});
  EXPECT_NEAR(i.low, 0.05, 1e-12);
  EXPECT_NEAR(i.high, 1.95, 1e-12);
}

// How often the interval of a mean holds the true one, over many made-up experiments.
struct Coverage {
  double by_cluster = 0;
  double by_clip = 0;
};

Coverage coverage() {
  constexpr int kExperiments = 300, kClusters = 40, kClips = 4;
  Coverage found;
  for (int e = 0; e < kExperiments; ++e) {
    std::vector<double> values;
    std::vector<int> clusters, each;
    for (int c = 0; c < kClusters; ++c) {
      const double shared = base::normal_at(100 + e, 0, c);
      for (int k = 0; k < kClips; ++k) {
        values.push_back(shared + 0.3 * base::normal_at(100 + e, 1 + k, c));  // mean 0
        clusters.push_back(c);
        each.push_back(static_cast<int>(each.size()));
      }
    }
    const auto holds_zero = [](const Interval& i) { return i.low <= 0 && i.high >= 0; };
    const ClusterMean mean(values, clusters, kClusters);
    const ClusterMean clip_mean(values, each, kClusters * kClips);
    found.by_cluster += holds_zero(percentile(Bootstrap(kClusters, 400, e).sample(mean)));
    found.by_clip +=
        holds_zero(percentile(Bootstrap(kClusters * kClips, 400, e).sample(clip_mean)));
  }
  found.by_cluster /= kExperiments;
  found.by_clip /= kExperiments;
  return found;
}

TEST(BootstrapTest, IntervalsHoldTheTruthAsOftenAsTheySay) {
  const Coverage found = coverage();
  // 95 % with 300 experiments: three standard errors are 3.8 %; the percentile interval of 40
  // clusters is a little too short by nature (about 94 %).
  EXPECT_GT(found.by_cluster, 0.90);
  EXPECT_LT(found.by_cluster, 0.99);
  EXPECT_LT(found.by_clip, 0.80) << "drawing clips one by one would promise too much";
}

}  // namespace
}  // namespace zoetrope::eval

// The small parts: draws, histogram, rates, world, theory.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "traffic/fleet/histogram.h"
#include "traffic/fleet/metrics.h"
#include "traffic/fleet/random.h"
#include "traffic/fleet/rates.h"
#include "traffic/fleet/world.h"

namespace zoetrope::traffic::fleet {
namespace {

TEST(AliasTable, DrawsInProportion) {
  const std::vector<double> weights = {1, 0, 3, 0.5, 5.5};
  AliasTable table;
  table.build(weights);
  Random random(3);
  constexpr int kDraws = 1'000'000;
  std::array<int, 5> count{};
  for (int i = 0; i < kDraws; ++i) ++count[static_cast<size_t>(table.draw(random))];
  for (size_t i = 0; i < weights.size(); ++i) {
    const double p = weights[i] / 10;
    const double deviation = std::sqrt(kDraws * p * (1 - p));
    EXPECT_NEAR(count[i], kDraws * p, 5 * deviation + 1e-9) << i;
  }
}

TEST(ServiceTime, HasItsMeanAndVariation) {
  const ServiceTime service(4, 0.15);
  Random random(5);
  constexpr int kDraws = 400'000;
  double sum = 0, squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double s = static_cast<double>(service.draw_ns(random)) * 1e-9;
    sum += s;
    squares += s * s;
  }
  const double mean = sum / kDraws;
  EXPECT_NEAR(mean, 4, 0.005);
  EXPECT_NEAR(std::sqrt(squares / kDraws - mean * mean) / mean, 0.15, 0.002);
}

TEST(Histogram, PercentilesAreRightToThreePercent) {
  Histogram histogram;
  Random random(11);
  std::vector<double> values;
  for (int i = 0; i < 100'000; ++i) {
    values.push_back(std::pow(10, -4 + 7 * random.uniform()));
    histogram.add(static_cast<int64_t>(values.back() * 1e9));
  }
  std::sort(values.begin(), values.end());
  for (const double p : {0.01, 0.5, 0.9, 0.99, 0.999}) {
    const double exact = values[static_cast<size_t>(p * static_cast<double>(values.size()))];
    EXPECT_NEAR(histogram.quantile_s(p) / exact, 1, 0.03) << p;
  }
  EXPECT_EQ(Histogram().quantile_s(0.5), 0);
}

TEST(World, RoundTripsAreThoseOfTheGlobe) {
  const std::vector<Place> all = places(kMaxPlaces);
  const std::vector<double> rtt = round_trips_ms(all);
  const auto between = [&](const char* a, const char* b) {
    const auto index = [&](const char* name) {
      return static_cast<size_t>(
          std::find_if(all.begin(), all.end(), [&](const Place& p) { return p.name == name; }) -
          all.begin());
    };
    EXPECT_EQ(rtt[index(a) * all.size() + index(b)], rtt[index(b) * all.size() + index(a)]);
    return rtt[index(a) * all.size() + index(b)];
  };
  // Loose: cables take detours of their own.
  EXPECT_NEAR(between("virginia", "dublin"), 75, 20);
  EXPECT_NEAR(between("virginia", "iowa"), 28, 12);
  EXPECT_NEAR(between("singapore", "sydney"), 92, 25);
  EXPECT_LT(between("tokyo", "tokyo"), 2);
}

TEST(Rates, FollowTheDayAndTheChanges) {
  Options options;
  options.demand.utilisation = 0.5;
  options.demand.daily_ratio = 4;
  options.demand.changes = {{{"tokyo"}, 100, 200, 2, 4}};
  const std::vector<Place> where = places(6);  // tokyo is the last, UTC + 9
  const Rates rates(options, where, std::vector<int>(6, 400));
  double least = 1e9, most = 0, mean = 0;
  for (int h = 0; h < 24; ++h) {
    const double rate = rates.at(5, 3600.0 * h + 1000);
    least = std::min(least, rate);
    most = std::max(most, rate);
    mean += rate / 24;
  }
  EXPECT_NEAR(most / least, 4, 0.2);
  EXPECT_NEAR(mean, 0.5 * 400 / 4.0, 0.5);
  EXPECT_NEAR(rates.at(5, 150) / rates.at(5, 99), 3, 0.01);
  EXPECT_NEAR(rates.at(0, 150) / rates.at(0, 99), 1, 0.01);
}

TEST(Rates, BatchesKeepTheMeanAndTakeTurns) {
  Options options;
  options.demand.batch_share = 0.6;
  options.demand.batch_period_s = 12;
  options.demand.batch_width_s = 1;
  const Rates rates(options, places(12), std::vector<int>(12, 400));
  double mean = 0;
  for (int i = 0; i < 1200; ++i) mean += rates.at(3, 0.005 + 0.01 * i) / 1200;
  EXPECT_NEAR(mean, 0.65 * 400 / 4, 0.2);
  for (double t = 0.05; t < 12; t += 0.5) {
    double sum = 0;
    for (int r = 0; r < 12; ++r) sum += rates.at(r, t);
    EXPECT_NEAR(sum, 12 * 0.65 * 400 / 4, 0.01);
  }
}

TEST(Theory, FixedPointSolvesItsEquation) {
  for (const double rho : {0.3, 0.9, 1.5}) {
    for (const int looks : {1, 4, 18}) {
      const double x = fixed_point(rho, looks);
      EXPECT_NEAR(x, rho * (1 - std::pow(x, looks)), 1e-9);
    }
  }
}

TEST(Theory, UsableShareIsThatOfTheDesign) {
  GatewayOptions gateway;
  gateway.retries = 8;
  const double share[] = {0.60, 0.77, 0.88};
  const int choices[] = {1, 2, 4};
  for (int i = 0; i < 3; ++i) {
    gateway.choices = choices[i];
    EXPECT_NEAR(usable_share(gateway, 400, 0.99), share[i], 0.005);
  }
  // Erlang B: 400 lines offered 0.95 a line lose 1.4 %, so at 1 % they carry a little less.
  gateway.search = Search::kFullScan;
  EXPECT_NEAR(usable_share(gateway, 400, 0.986), 0.95 * 0.986, 0.002);
}

}  // namespace
}  // namespace zoetrope::traffic::fleet

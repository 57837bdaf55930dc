#include "traffic/control/reachability.h"

#include <algorithm>

namespace zoetrope::traffic::control {
namespace {

constexpr double kEnough = 20;  // requests: all of 20 lost by chance is out of the question
constexpr int kEpochs = 2;      // and longer than a scrape may lag behind a table
constexpr int kFirstWait = 12;  // a minute
constexpr int kLongestWait = 120;

}  // namespace

Reachability::Reachability(int regions) : pairs_(regions) {}

void Reachability::step(const policy::Table& table, const std::vector<policy::RegionInput>& regions,
                        double epoch_s) {
  const int count = pairs_.size();
  for (int s = 0; s < count; ++s) {
    const policy::RegionInput& from = regions[s];
    const bool told = from.demand && static_cast<int>(from.admitted.size()) == count;
    const bool any = told && std::any_of(from.admitted.begin(), from.admitted.end(),
                                         [](policy::Millirps rate) { return rate > 0; });
    for (int t = 0; t < count; ++t) {
      Pair& pair = pairs_.at(s, t);
      if (s == t) continue;
      if (pair.wait > 0) {
        --pair.wait;
        continue;
      }
      if (!any) continue;
      if (from.admitted[t] > 0) {
        pair = {};
        continue;
      }
      const double share = static_cast<double>(table.weight.at(s, t)) / policy::kWeightSum;
      const double expected = static_cast<double>(*from.demand) / 1000 * share * epoch_s;
      if (expected <= 0) continue;
      pair.missed += expected;
      ++pair.silent;
      if (pair.missed < kEnough || pair.silent < kEpochs) continue;
      const int wait = std::max(pair.next_wait, kFirstWait);
      pair = {.wait = wait, .next_wait = std::min(2 * wait, kLongestWait)};
    }
  }
}

std::vector<std::pair<int, int>> Reachability::unreachable() const {
  std::vector<std::pair<int, int>> all;
  for (int s = 0; s < pairs_.size(); ++s) {
    for (int t = 0; t < pairs_.size(); ++t) {
      if (pairs_.at(s, t).wait > 0) all.emplace_back(s, t);
    }
  }
  return all;
}

}  // namespace zoetrope::traffic::control

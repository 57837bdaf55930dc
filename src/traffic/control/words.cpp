#include "traffic/control/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace zoetrope::traffic::control {
namespace {

constexpr int kMostRows = 3;
constexpr const char* kRingNames[] = {"home", "near", "continent", "global"};

std::string percent(double share) {
  const double value = 100 * share;
  if (value > 0 && value < 0.95) return fmt::format("{:.1f} %", value);
  return fmt::format("{:.0f} %", value);
}

std::string percent_of(int weight, int sum) { return percent(static_cast<double>(weight) / sum); }

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

bool row_differs(const policy::Table& a, const policy::Table& b, int s) {
  if (a.drop[s] != b.drop[s]) return true;
  return !std::equal(a.weight.row(s), a.weight.row(s) + a.size(), b.weight.row(s));
}

std::string heat(const policy::RegionReport& report, const policy::Options& options) {
  if (report.dead) return "none of its workers is ready";
  if (!std::isfinite(report.utilisation_at_home)) return "it has demand and no capacity";
  const auto& thresholds = options.routing.thresholds;
  const std::string u = percent(report.utilisation_at_home);
  if (report.level == 0) {
    return fmt::format("its own demand takes {} of its capacity, below the first threshold of {}",
                       u, percent(thresholds[0]));
  }
  const int level = std::min(report.level, policy::kRings);
  return fmt::format("its own demand takes {} of its capacity, over the threshold of {}: {} open",
                     u, percent(thresholds[level - 1]),
                     level == 1   ? "near regions are"
                     : level == 2 ? "near regions and the continent are"
                                  : "all rings are");
}

}  // namespace

std::string row_in_words(const Publication& publication, int region) {
  const policy::Table& table = publication.table;
  std::vector<std::pair<int, int>> targets;  // weight, region
  for (int t = 0; t < table.size(); ++t) {
    if (t != region && table.weight.at(region, t) > 0) {
      targets.emplace_back(-table.weight.at(region, t), t);
    }
  }
  std::sort(targets.begin(), targets.end());
  std::vector<std::string> parts;
  const int home = table.weight.at(region, region);
  parts.push_back(home == policy::kWeightSum ? "all at home"
                  : home == 0                ? "nothing at home"
                                             : percent_of(home, policy::kWeightSum) + " at home");
  for (const auto& [weight, t] : targets) {
    parts.push_back(fmt::format("{} to {}", percent_of(-weight, policy::kWeightSum),
                                publication.regions[t].name));
  }
  if (table.drop[region] > 0) {
    parts.push_back(percent_of(table.drop[region], policy::kDropSum) + " refused at its gateway");
  }
  return joined(parts);
}

std::string why(const policy::Topology& topology, const policy::Options& options,
                const Publication& publication, const policy::RegionReport& report, int region) {
  const policy::Table& table = publication.table;
  if (report.stale) {
    return fmt::format(
        "Frozen: nothing complete was read of it for {} epochs, so its row stays and it gets "
        "nothing "
        "new.",
        report.age_epochs);
  }
  std::string text = heat(report, options);
  text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  std::vector<std::string> rings;
  for (int ring = 1; ring <= policy::kRings; ++ring) {
    int weight = 0;
    for (int t = 0; t < table.size(); ++t) {
      if (topology.ring.at(region, t) == ring) weight += table.weight.at(region, t);
    }
    if (weight > 0) {
      rings.push_back(
          fmt::format("{} {}", percent_of(weight, policy::kWeightSum), kRingNames[ring]));
    }
  }
  if (!rings.empty()) text += fmt::format(". Sends away {}", joined(rings));
  if (report.level == 0 && !rings.empty()) {
    text += report.relief > 0 ? ", and takes it back once it is a little cooler still"
                              : ", and takes it back step by step";
  }
  if (report.stuck) text += ". Nothing in reach takes more";
  if (report.residual > 0) {
    text += fmt::format(". {:.1f} requests/s find no capacity anywhere in reach",
                        static_cast<double>(report.residual) / 1000);
  }
  return text + ".";
}

std::string change_in_words(const Publication& last, const Publication& next) {
  if (last.version == 0) return "First table";
  std::vector<int> rows;
  for (int s = 0; s < next.table.size(); ++s) {
    if (row_differs(last.table, next.table, s)) rows.push_back(s);
  }
  if (rows.empty()) return last.runtime == next.runtime ? "Endpoints changed" : "Runtime changed";
  std::string text;
  for (size_t i = 0; i < rows.size() && i < kMostRows; ++i) {
    text += fmt::format("{}{}: {} (was {})", i == 0 ? "" : "; ", next.regions[rows[i]].name,
                        row_in_words(next, rows[i]), row_in_words(last, rows[i]));
  }
  if (rows.size() > kMostRows) text += fmt::format("; and {} more rows", rows.size() - kMostRows);
  return text;
}

}  // namespace zoetrope::traffic::control

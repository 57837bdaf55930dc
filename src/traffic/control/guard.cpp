#include "traffic/control/guard.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace zoetrope::traffic::control {
namespace {

// Share of `last` that is not in `next`.
double lost(const std::vector<Address>& last, const std::vector<Address>& next) {
  const std::set<Address> kept(next.begin(), next.end());
  const auto gone = std::count_if(last.begin(), last.end(),
                                  [&](const Address& address) { return !kept.contains(address); });
  return last.empty() ? 0 : static_cast<double>(gone) / static_cast<double>(last.size());
}

}  // namespace

Guarded Guard::check(Publication next, const std::optional<Publication>& last) const {
  Guarded guarded;
  bool good = true;
  const int count = static_cast<int>(next.regions.size());
  const bool comparable = last && last->regions.size() == next.regions.size();
  if (const base::Status valid = policy::validate(next.table, count); !valid.ok()) {
    guarded.refusals.push_back(
        {"table", fmt::format("the table is not valid: {}", valid.message())});
    next.table = comparable ? last->table : policy::home_table(count);
  }
  for (int r = 0; r < count; ++r) {
    PublishedRegion& region = next.regions[r];
    const std::vector<Address> before =
        comparable ? last->regions[r].endpoints : std::vector<Address>();
    const double loss = lost(before, region.endpoints);
    std::string what;
    if (region.endpoints.empty()) {
      what = fmt::format("{} would have no endpoints", region.name);
    } else if (loss > kMostLoss) {
      what = fmt::format("{} would lose {:.0f} % of its endpoints ({} -> {})", region.name,
                         100 * loss, before.size(), region.endpoints.size());
    } else {
      continue;
    }
    const std::string id = fmt::format("{}-{}", region.name, region.endpoints.size());
    if (std::find(overridden_.begin(), overridden_.end(), id) != overridden_.end()) continue;
    guarded.refusals.push_back({id, std::move(what)});
    region.endpoints = before;
    good = good && !before.empty();
  }
  if (good) guarded.publication = std::move(next);
  return guarded;
}

void Guard::override_refusal(std::string id) { overridden_.push_back(std::move(id)); }

void Guard::published() { overridden_.clear(); }

}  // namespace zoetrope::traffic::control

#include "traffic/fleet/router.h"

#include <algorithm>
#include <chrono>
#include <numeric>

namespace zoetrope::traffic::fleet {
namespace {

constexpr int kTriesPerRegion = 2;  // of nearest-with-spill

policy::Regions as_regions(const std::vector<Place>& places) {
  policy::Regions regions;
  const std::vector<double> rtt_ms = round_trips_ms(places);
  const auto n = static_cast<int>(places.size());
  regions.rtt = policy::Matrix<std::chrono::microseconds>(n);
  for (int from = 0; from < n; ++from) {
    const auto row = static_cast<size_t>(from);
    regions.list.push_back({places[row].name, places[row].continent});
    for (int to = 0; to < n; ++to) {
      const double ms = rtt_ms[row * places.size() + static_cast<size_t>(to)];
      regions.rtt.at(from, to) = std::chrono::microseconds(static_cast<int64_t>(ms * 1000));
    }
  }
  return regions;
}

}  // namespace

base::Result<Router> Router::make(const Options& options, const std::vector<Place>& places,
                                  const std::vector<int>& gpus) {
  const int mean = std::accumulate(gpus.begin(), gpus.end(), 0) / static_cast<int>(gpus.size());
  policy::Options policy_options = options.routing.policy;
  policy_options.tiers = {{.name = "worker",
                           .limit = usable_share(options.gateway, mean, options.routing.target),
                           .prior_s = options.world.service_s}};
  const policy::Regions regions = as_regions(places);
  ZT_ASSIGN_OR_RETURN(auto policy, policy::RoutingPolicy::make(regions, policy_options));
  Router router(options, std::move(policy), gpus);
  for (int from = 0; from < regions.size(); ++from) {
    for (int to = 0; to < regions.size(); ++to) {
      router.rtt_ns_.at(from, to) = std::chrono::nanoseconds(regions.rtt.at(from, to)).count();
    }
    std::vector<int>& near = router.nearest_.emplace_back(static_cast<size_t>(regions.size()));
    std::iota(near.begin(), near.end(), 0);
    std::sort(near.begin(), near.end(), [&](int a, int b) {
      return router.rtt_ns_.at(from, a) < router.rtt_ns_.at(from, b);
    });
  }
  if (options.routing.table) {
    ZT_RETURN_IF_ERROR(policy::validate(*options.routing.table, regions.size()));
    router.table_ = *options.routing.table;
    router.fixed_ = true;
  }
  router.refresh();
  return router;
}

Router::Router(const Options& options, policy::RoutingPolicy policy, std::vector<int> gpus)
    : kind_(options.routing.kind),
      policy_(std::move(policy)),
      table_(policy_.table()),
      gpus_(std::move(gpus)),
      rtt_ns_(static_cast<int>(gpus_.size())),
      cut_(static_cast<int>(gpus_.size())),
      ejected_(gpus_.size()),
      rows_(gpus_.size()),
      demand_(gpus_.size()),
      admitted_(static_cast<int>(gpus_.size())),
      busy_share_(gpus_.size()),
      ready_(gpus_.begin(), gpus_.end()) {}

int Router::ring(int from, int to) const {
  return std::min<int>(policy_.topology().ring.at(from, to), policy::kRings);
}

int Router::pick(int home, int tries, Random& random) const {
  if (kind_ == Routing::kNearest) {
    const auto& near = nearest_[static_cast<size_t>(home)];
    const size_t i = static_cast<size_t>((tries - 1) / kTriesPerRegion);
    return near[std::min(i, near.size() - 1)];
  }
  const std::vector<Choice>& row = rows_[static_cast<size_t>(home)];
  if (row.size() == 1) return row.front().region;
  const uint32_t draw = random.below(row.back().up_to);
  size_t i = 0;
  while (row[i].up_to <= draw) ++i;
  return row[i].region;
}

void Router::set_ejected(int region, bool ejected) {
  ejected_[static_cast<size_t>(region)] = ejected ? 1 : 0;
  refresh();
}

void Router::set_cut(int a, int b, bool cut) {
  cut_.at(a, b) = cut_.at(b, a) = cut ? 1 : 0;
  refresh();
}

void Router::refresh() {
  for (int home = 0; home < static_cast<int>(rows_.size()); ++home) refresh_row(home);
}

// What Envoy makes of the table: localities without a healthy host are left out, and when none is
// left the next priority is used, which holds the near regions.
void Router::refresh_row(int home) {
  std::vector<Choice>& row = rows_[static_cast<size_t>(home)];
  row.clear();
  uint32_t sum = 0;
  const auto add = [&](int region) {
    const auto r = static_cast<size_t>(region);
    int weight = kind_ == Routing::kTable ? table_.weight.at(home, region) : gpus_[r];
    if (kind_ == Routing::kHome && region != home) weight = 0;
    if (weight <= 0 || ejected_[r] != 0 || !reaches(home, region)) return;
    sum += static_cast<uint32_t>(weight);
    row.push_back({region, sum});
  };
  add(home);
  for (int region = 0; region < static_cast<int>(rows_.size()); ++region) {
    if (region != home) add(region);
  }
  if (!row.empty()) return;
  if (kind_ == Routing::kTable) {
    for (const policy::Target& target : policy_.topology().targets[static_cast<size_t>(home)]) {
      if (ejected_[static_cast<size_t>(target.region)] != 0 || !reaches(home, target.region)) {
        continue;
      }
      if (!row.empty() && ring(home, target.region) > ring(home, row.front().region)) break;
      row.push_back({target.region, ++sum});
    }
  }
  if (row.empty()) row.push_back({home, 1});
}

void Router::look(int region, int64_t busy, int64_t ready) {
  const auto r = static_cast<size_t>(region);
  if (ready > 0) busy_share_[r] += static_cast<double>(busy) / static_cast<double>(ready);
  ready_[r] = ready;
  if (region == 0) ++looks_;
}

policy::EpochInputs Router::inputs(double epoch_s, const std::vector<uint8_t>& stale) const {
  policy::EpochInputs inputs;
  const auto n = static_cast<int>(rows_.size());
  for (int r = 0; r < n; ++r) {
    const auto i = static_cast<size_t>(r);
    policy::RegionInput& region = inputs.regions.emplace_back();
    region.tiers.resize(1);
    if (stale[i] != 0) continue;
    region.demand = policy::to_millirps(static_cast<double>(demand_[i]) / epoch_s);
    for (int to = 0; to < n; ++to) {
      const double rate = static_cast<double>(admitted_.at(r, to)) / epoch_s;
      region.admitted.push_back(policy::to_millirps(rate).value_or(0));
    }
    region.tiers[0].units = static_cast<double>(ready_[i]);
    region.tiers[0].load = busy_share_[i] / std::max(1, looks_);
  }
  for (int a = 0; a < n; ++a) {
    for (int b = 0; b < n; ++b) {
      if (!reaches(a, b)) inputs.unreachable.emplace_back(a, b);
    }
  }
  return inputs;
}

base::Result<bool> Router::epoch(double epoch_s, const std::vector<uint8_t>& stale,
                                 bool publishes) {
  bool changed = false;
  if (publishes && !fixed_ && kind_ == Routing::kTable && looks_ > 0) {
    ZT_ASSIGN_OR_RETURN(const policy::Decision decision, policy_.step(inputs(epoch_s, stale)));
    changed = decision.publish;
    if (changed) {
      table_ = decision.table;
      refresh();
    }
  }
  std::fill(demand_.begin(), demand_.end(), 0);
  admitted_ = policy::Matrix<int64_t>(static_cast<int>(rows_.size()));
  std::fill(busy_share_.begin(), busy_share_.end(), 0.0);
  looks_ = 0;
  return changed;
}

}  // namespace zoetrope::traffic::fleet

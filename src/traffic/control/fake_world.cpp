#include "traffic/control/fake_world.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace zoetrope::traffic::control::testing {
namespace {

constexpr double kEpochSeconds = 5;
constexpr int kFirstPort = 1000;

class FakeLeadership : public Leadership {
 public:
  FakeLeadership(Seat& seat, std::string name) : seat_(seat), name_(std::move(name)) {}

  base::Result<Standing> renew(Time) override {
    if (seat_.cut_off.contains(name_)) return base::unavailable("etcd: cut off");
    if (seat_.holder.empty()) seat_.holder = name_;
    return Standing{seat_.holder == name_, seat_.holder, seat_.version};
  }
  base::Status commit(int64_t version, Time) override {
    if (seat_.cut_off.contains(name_)) return base::unavailable("etcd: cut off");
    if (seat_.holder != name_ || version <= seat_.version) return base::aborted("etcd: not ours");
    seat_.version = version;
    return {};
  }
  void resign() override {
    if (seat_.holder == name_) seat_.holder.clear();
  }

 private:
  Seat& seat_;
  std::string name_;
};

}  // namespace

FakeWorld::FakeWorld(std::vector<FakeRegion> regions_in)
    : regions(std::move(regions_in)),
      arrived_(regions.size()),
      admitted_(regions.size(), std::vector<double>(regions.size())),
      busy_(regions.size()) {
  wanted_ = wanted_series(config("unused"));
}

FleetConfig FakeWorld::config(const std::filesystem::path& state) const {
  FleetConfig config;
  config.manager.state = state;
  config.tier_metrics.resize(1);
  const int count = static_cast<int>(regions.size());
  config.regions.rtt = policy::Matrix<std::chrono::microseconds>(
      count, std::chrono::microseconds(std::chrono::milliseconds(10)));
  for (int r = 0; r < count; ++r) {
    config.regions.list.push_back({fmt::format("r{}", r), "here"});
    const std::string host = fmt::format("10.0.{}.1", r);
    RegionConfig region{.ingress = {host, 80},
                        .import = {host, 81},
                        .gateways = {{host, 82}},
                        .workers = {},
                        .workers_file = {},
                        .prometheus = {}};
    for (int w = 0; w < regions[r].workers; ++w) {
      region.workers.push_back(
          {fmt::format("10.0.{}.2", r), static_cast<uint16_t>(kFirstPort + w)});
    }
    config.region_configs.push_back(std::move(region));
  }
  return config;
}

Surroundings FakeWorld::surroundings(std::unique_ptr<Leadership> leadership) {
  return {
      .fetch = [this](const std::vector<Target>& targets, Time now) { return fetch(targets, now); },
      .leadership = std::move(leadership),
      .pull =
          [this](const std::string& leader) {
            return pull ? pull(leader) : base::Result<std::string>(base::unavailable("nobody"));
          }};
}

std::unique_ptr<Leadership> FakeWorld::leadership(Seat& seat, const std::string& name) const {
  return std::make_unique<FakeLeadership>(seat, name);
}

double FakeWorld::capacity(int region) const {
  const FakeRegion& is = regions[region];
  const auto working = is.dead ? 0 : is.workers - static_cast<int>(is.draining.size());
  return working / kServiceSeconds;
}

void FakeWorld::pass(const policy::Table& table) {
  const int count = static_cast<int>(regions.size());
  std::vector<double> inflow(count);
  auto sent = [&](int s, int t) {
    const double kept = 1 - static_cast<double>(table.drop[s]) / policy::kDropSum;
    const double share = static_cast<double>(table.weight.at(s, t)) / policy::kWeightSum;
    const bool arrives = !regions[s].dark && !regions[s].cut_off.contains(t);
    return arrives ? regions[s].demand * kept * share : 0.0;
  };
  for (int s = 0; s < count; ++s) {
    for (int t = 0; t < count; ++t) inflow[t] += sent(s, t);
  }
  for (int s = 0; s < count; ++s) {
    offered_in_all_ += regions[s].dark ? 0 : regions[s].demand * kEpochSeconds;
    arrived_[s] += regions[s].dark ? 0 : regions[s].demand * kEpochSeconds;
    for (int t = 0; t < count; ++t) {
      const double taken = inflow[t] > 0 ? std::min(1.0, capacity(t) / inflow[t]) : 0;
      admitted_[s][t] += sent(s, t) * taken * kEpochSeconds;
      admitted_in_all_ += sent(s, t) * taken * kEpochSeconds;
    }
  }
  for (int t = 0; t < count; ++t) {
    busy_[t] = capacity(t) > 0 ? std::min(1.0, inflow[t] / capacity(t)) : 0;
  }
  now_ += std::chrono::seconds(5);
}

void FakeWorld::run(Manager& manager, int epochs) {
  for (int i = 0; i < epochs; ++i) {
    const auto snapshot = manager.snapshot();
    pass(snapshot->publication ? snapshot->publication->table
                               : policy::home_table(static_cast<int>(regions.size())));
    manager.epoch(now_);
  }
}

std::string FakeWorld::gateway_text(int r) const {
  std::string text = fmt::format(
      "envoy_http_downstream_rq_total{{envoy_http_conn_manager_prefix=\"ingress\"}} {}\n"
      "envoy_http_downstream_rq_total{{envoy_http_conn_manager_prefix=\"import\"}} 123456\n"
      "envoy_cluster_membership_total{{envoy_cluster_name=\"pool_local\"}} {}\n"
      "envoy_cluster_membership_healthy{{envoy_cluster_name=\"pool_local\"}} {}\n",
      arrived_[r], regions[r].workers, regions[r].dead ? 0 : regions[r].workers);
  for (size_t t = 0; t < regions.size(); ++t) {
    if (admitted_[r][t] == 0) continue;  // as Envoy, which makes a counter with its first count
    text += fmt::format(
        "envoy_cluster_zone_upstream_rq_xx{{envoy_response_code_class=\"2\","
        "envoy_cluster_name=\"pool\",from_region=\"r{}\",to_region=\"r{}\"}} {}\n",
        r, t, admitted_[r][t]);
  }
  return text;
}

std::vector<Sample> FakeWorld::worker_samples(int r, int worker) const {
  const FakeRegion& region = regions[r];
  // The busy ones are those of the lowest numbers.
  const bool busy = worker < busy_[r] * region.workers;
  const bool draining = region.draining.contains(worker);
  return {{"zoetrope_load", {}, busy ? 1.0 : 0.0},
          {"zoetrope_slots", {}, 1},
          {"zoetrope_draining", {}, draining ? 1.0 : 0.0}};
}

std::vector<Scrape> FakeWorld::fetch(const std::vector<Target>& targets, Time now) const {
  std::vector<Scrape> scrapes;
  for (const Target& target : targets) {
    const FakeRegion& region = regions[target.region];
    const bool gateway = target.kind == TargetKind::kGateway;
    const bool silent = gateway ? region.gateway_silent : region.workers_silent || region.dead;
    if (silent) {
      scrapes.push_back({target, base::unavailable("no answer"), now});
      continue;
    }
    if (!gateway && region.broken_value.empty()) {
      scrapes.push_back(
          {target, worker_samples(target.region, target.address.port - kFirstPort), now});
      continue;
    }
    const std::string text =
        gateway ? gateway_text(target.region)
                : fmt::format("zoetrope_load {}\nzoetrope_slots 1\n", region.broken_value);
    scrapes.push_back({target, parse_metrics(text, to_string(target.address), wanted_), now});
  }
  return scrapes;
}

}  // namespace zoetrope::traffic::control::testing

#include "traffic/control/manager.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/log.h"
#include "traffic/control/files.h"
#include "traffic/control/words.h"

namespace zoetrope::traffic::control {
namespace {

using base::Result;
using base::Status;
namespace fs = std::filesystem;

constexpr size_t kMostEvents = 100;

// Whether a publication is for the fleet that is configured: same names in the same order.
bool fits(const Publication& publication, const FleetConfig& config) {
  return std::equal(
      publication.regions.begin(), publication.regions.end(), config.regions.list.begin(),
      config.regions.list.end(),
      [](const PublishedRegion& a, const policy::Region& b) { return a.name == b.name; });
}

// The latest version that gateways say they have: after the loss of our disk we must go on from it.
int64_t version_at_gateways(const Observation& observation) {
  int64_t latest = 0;
  for (const RegionView& region : observation.regions) {
    for (const GatewayView& gateway : region.gateways) {
      int64_t version = 0;
      const std::string& text = gateway.version;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
      const bool whole = error == std::errc() && end == text.data() + text.size();
      if (whole && version < INT64_MAX / 2) latest = std::max(latest, version);
    }
  }
  return latest;
}

}  // namespace

Manager::Manager(FleetConfig config, Surroundings around, policy::RoutingPolicy policy)
    : config_(std::move(config)),
      around_(std::move(around)),
      policy_(std::move(policy)),
      observer_(config_),
      reachability_(config_.regions.size()),
      file_errors_(config_.region_configs.size()) {}

Result<std::unique_ptr<Manager>> Manager::make(FleetConfig config, Surroundings around) {
  ZT_ASSIGN_OR_RETURN(policy::RoutingPolicy policy,
                      policy::RoutingPolicy::make(config.regions, config.policy));
  std::error_code error;
  fs::create_directories(config.manager.state, error);
  if (error) {
    return base::unavailable(
        fmt::format("{}: cannot be made: {}", config.manager.state.string(), error.message()));
  }
  std::unique_ptr<Manager> manager(
      new Manager(std::move(config), std::move(around), std::move(policy)));
  manager->load();
  manager->state_.waiting = true;
  manager->finish();
  return manager;
}

fs::path Manager::table_file() const { return config_.manager.state / "table.json"; }

void Manager::load() {
  auto text = read_small_file(table_file());
  if (text.status().code() == base::StatusCode::kNotFound) return;
  Result<Publication> last =
      text.ok() ? parse_publication(*text, table_file().string()) : text.status();
  if (last.ok() && !fits(*last, config_)) {
    last =
        base::failed_precondition(fmt::format("{}: is for other regions", table_file().string()));
  }
  if (!last.ok()) {
    note("The last table is not used. " + last.status().message());
    return;
  }
  state_.publication = *std::move(last);
  restore_policy();
  note(fmt::format("Started with table {} from the disk", state_.publication->version));
}

void Manager::restore_policy() {
  const int count = config_.regions.size();
  const Status restored =
      policy_.restore(state_.publication ? state_.publication->table : policy::home_table(count));
  if (!restored.ok()) note("The policy does not take the last table: " + restored.message());
}

void Manager::epoch(Time now) {
  ++state_.epoch;
  state_.at = now;
  const Result<Standing> standing = around_.leadership->renew(now);
  state_.lease_error = standing.ok() ? "" : standing.status().message();
  // Who cannot ask does not lead: commit would fail too.
  state_.standing.leads = standing.ok() && standing->leads;
  if (standing.ok()) state_.standing = *standing;

  read_worker_files();
  std::vector<Scrape> scrapes = around_.fetch(observer_.targets(), now);
  state_.failed_scrapes += std::count_if(scrapes.begin(), scrapes.end(),
                                         [](const Scrape& s) { return !s.samples.ok(); });
  state_.observation = observer_.take(std::move(scrapes), now);
  if (state_.publication) {
    reachability_.step(state_.publication->table, state_.observation.inputs,
                       std::chrono::duration<double>(config_.manager.epoch).count());
  }
  state_.unreachable = reachability_.unreachable();

  if (state_.standing.leads) {
    if (!led_) note("This manager leads");
    led_ = true;
    lead(now);
  } else {
    if (led_) note("This manager no longer leads");
    led_ = false;
    state_.waiting = true;  // whoever takes over reads everything anew
    waited_ = 0;
    follow(state_.standing.leader);
  }
  finish();
}

void Manager::read_worker_files() {
  for (size_t r = 0; r < config_.region_configs.size(); ++r) {
    const RegionConfig& region = config_.region_configs[r];
    if (region.workers_file.empty()) continue;
    const auto text = read_small_file(region.workers_file);
    auto listed = text.ok() ? parse_workers(*text, region.workers_file.string())
                            : Result<std::vector<Address>>(text.status());
    const std::string error = listed.ok() ? "" : listed.status().message();
    if (error != file_errors_[r] && !error.empty()) note("The last workers are kept: " + error);
    file_errors_[r] = error;
    if (!listed.ok()) continue;
    std::vector<Address> all = region.workers;
    for (const Address& worker : *listed) {
      if (std::find(region.workers.begin(), region.workers.end(), worker) == region.workers.end()) {
        all.push_back(worker);
      }
    }
    observer_.set_workers(static_cast<int>(r), std::move(all));
  }
}

// Serves what the leader publishes.
void Manager::follow(const std::string& leader) {
  if (leader.empty() || leader == to_string(config_.manager.address)) return;
  const auto text = around_.pull(leader);
  if (!text.ok()) return;  // it may not have published yet
  auto publication = parse_publication(*text, leader);
  if (!publication.ok() || !fits(*publication, config_)) {
    note(fmt::format("The table of the leader {} is not used", leader));
    return;
  }
  if (state_.publication && publication->version <= state_.publication->version) return;
  state_.publication = *std::move(publication);
  state_.published = state_.at;
  ++state_.publications;
  restore_policy();
  keep_on_disk();
}

void Manager::lead(Time) {
  if (state_.waiting) {
    ++waited_;
    if (!state_.observation.complete && waited_ < config_.manager.start_epochs) return;
    state_.waiting = false;
    state_.full_scrape_epoch = state_.epoch;
    note(state_.observation.complete ? "Every region has been read"
                                     : "Going on without the regions that do not answer");
  }
  const auto decision =
      policy_.step({.regions = state_.observation.inputs, .unreachable = state_.unreachable});
  if (!decision.ok()) {
    note("No decision: " + decision.status().message());
    return;
  }
  note_conditions(*decision);
  state_.decision = *decision;
  publish(proposal(decision->table));
}

Publication Manager::proposal(const policy::Table& table) const {
  Publication next;
  next.table = table;
  next.runtime = config_.runtime;
  const policy::Topology& topology = policy_.topology();
  for (int r = 0; r < config_.regions.size(); ++r) {
    PublishedRegion region{.name = config_.regions.list[r].name,
                           .import = config_.region_configs[r].import,
                           .endpoints = state_.observation.regions[r].endpoints,
                           .near = {}};
    for (const policy::Target& target : topology.targets[r]) {
      if (target.ring == 1) region.near.push_back(target.region);
    }
    next.regions.push_back(std::move(region));
  }
  return next;
}

void Manager::publish(Publication next) {
  const std::optional<Publication>& last = state_.publication;
  Guarded guarded;
  {
    const std::lock_guard lock(mutex_);
    guarded = guard_.check(std::move(next), last);
  }
  for (const Refusal& refusal : guarded.refusals) {
    const bool known = std::any_of(state_.refusals.begin(), state_.refusals.end(),
                                   [&](const Refusal& r) { return r.id == refusal.id; });
    if (!known) note("Refused: " + refusal.what);
  }
  state_.refusals = std::move(guarded.refusals);
  if (!guarded.publication) {
    restore_policy();
    return;
  }
  Publication& good = *guarded.publication;
  const Publication before = last.value_or(Publication());
  if (last && good.says_the_same(*last)) return;
  good.version =
      std::max({before.version, state_.standing.version, version_at_gateways(state_.observation)}) +
      1;
  if (const Status committed = around_.leadership->commit(good.version, state_.at);
      !committed.ok()) {
    note("Not published: " + committed.message());
    restore_policy();
    return;
  }
  const std::string words = change_in_words(before, good);
  state_.publication = std::move(good);
  state_.published = state_.at;
  ++state_.publications;
  {
    const std::lock_guard lock(mutex_);
    guard_.published();
  }
  note(words);
  keep_on_disk();
  // Where the guard kept something back the policy goes on from what is in force.
  if (state_.publication->table != policy_.table()) restore_policy();
}

void Manager::keep_on_disk() {
  const Status kept = replace_file(table_file(), to_json(*state_.publication));
  if (!kept.ok()) note("The table is not on the disk: " + kept.message());
}

void Manager::note(std::string words) {
  const int64_t version = state_.publication ? state_.publication->version : 0;
  base::log(base::LogLevel::kInfo, words, {{"epoch", state_.epoch}, {"version", version}});
  state_.events.push_front({state_.at, version, std::move(words)});
  if (state_.events.size() > kMostEvents) state_.events.pop_back();
}

// What changed about regions since the last epoch.
void Manager::note_conditions(const policy::Decision& decision) {
  for (size_t r = 0; r < decision.regions.size(); ++r) {
    const policy::RegionReport& now = decision.regions[r];
    const policy::RegionReport was = r < before_.size() ? before_[r] : policy::RegionReport{};
    const std::string& name = config_.regions.list[r].name;
    if (now.dead && !was.dead) note(name + " has no worker left: it is evacuated");
    if (!now.dead && was.dead) note(name + " has workers again");
    if (now.stale && !was.stale) note(name + " is no longer read: its row is frozen");
    if (!now.stale && was.stale) note(name + " is read again");
    if (now.residual > 0 && was.residual == 0) note(name + " has demand that nobody can take");
  }
  before_ = decision.regions;
}

void Manager::finish() {
  auto snapshot = std::make_shared<const Snapshot>(state_);
  const std::lock_guard lock(mutex_);
  snapshot_ = std::move(snapshot);
}

std::shared_ptr<const Snapshot> Manager::snapshot() const {
  const std::lock_guard lock(mutex_);
  return snapshot_;
}

Status Manager::override_refusal(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto& refusals = snapshot_->refusals;
  const bool known = std::any_of(refusals.begin(), refusals.end(),
                                 [&](const Refusal& refusal) { return refusal.id == id; });
  if (!known || id == "table") {
    return base::not_found(fmt::format("there is no refusal '{}' that can be overridden", id));
  }
  guard_.override_refusal(id);
  return {};
}

void Manager::resign() { around_.leadership->resign(); }

}  // namespace zoetrope::traffic::control

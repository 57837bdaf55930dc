#include "traffic/control/fleet_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <utility>

#include "base/in_quotes.h"
#include "base/toml_file.h"

namespace zoetrope::traffic::control {
namespace {

using base::Result;
using base::Status;
using base::TomlTable;
namespace fs = std::filesystem;

constexpr double kLongestRttMs = 60'000;
constexpr size_t kMostRegions = 1000;

Address address(const TomlTable& table, std::string_view key,
                std::optional<std::string> fallback = {}) {
  const std::string text = table.text(key, fallback);
  if (text.empty()) return {};
  auto parsed = parse_address(text);
  if (parsed.ok()) return *parsed;
  table.fail(key, parsed.status().message());
  return {};
}

// Envoy's endpoint lists take addresses, not names.
Address ip_address(const TomlTable& table, std::string_view key) {
  const Address found = address(table, key);
  if (!found.host.empty() && !is_ip(found)) table.fail(key, "must be an IP address and a port");
  return found;
}

std::vector<Address> addresses(const TomlTable& table, std::string_view key,
                               std::optional<std::vector<std::string>> fallback = {}) {
  std::vector<Address> all;
  for (const std::string& text : table.texts(key, std::move(fallback))) {
    const auto parsed = parse_addresses(text);
    if (!parsed.ok()) {
      table.fail(key, parsed.status().message());
      continue;
    }
    all.insert(all.end(), parsed->begin(), parsed->end());
  }
  return all;
}

fs::path path(const TomlTable& table, std::string_view key, const fs::path& folder,
              const std::string& fallback) {
  const fs::path given = table.text(key, fallback);
  return given.empty() || given.is_absolute() ? given : folder / given;
}

std::chrono::milliseconds milliseconds(const TomlTable& table, std::string_view key,
                                       base::NumberRange range,
                                       std::chrono::milliseconds fallback) {
  const double seconds = table.number(key, range, std::chrono::duration<double>(fallback).count());
  return std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000 + 0.5));
}

ManagerConfig manager(const TomlTable& table, const fs::path& folder) {
  ManagerConfig config;
  const auto listen = parse_listen_address(table.text("listen", to_string(config.listen)));
  if (listen.ok()) {
    config.listen = *listen;
  } else {
    table.fail("listen", listen.status().message());
  }
  config.address = table.has("address") ? address(table, "address") : config.listen;
  config.state = path(table, "state", folder, "state");
  config.epoch = milliseconds(table, "epoch_seconds", {.least = 0.1, .most = 300}, config.epoch);
  config.scrape_timeout = milliseconds(table, "scrape_timeout_seconds", {.least = 0.05, .most = 60},
                                       config.scrape_timeout);
  config.start_epochs = static_cast<int>(
      table.whole("start_epochs", {.least = 1, .most = 1000}, config.start_epochs));
  const TomlTable etcd = table.table("etcd");
  config.etcd.endpoints = addresses(etcd, "endpoints", std::vector<std::string>());
  config.etcd.prefix = etcd.text("prefix", config.etcd.prefix);
  if (!config.etcd.endpoints.empty() && config.address.port == 0) {
    table.fail("listen", "with etcd other managers must know the port: 0 is none");
  }
  if (config.etcd.prefix.empty()) etcd.fail("prefix", "must not be empty");
  config.etcd.lease = std::chrono::seconds(
      etcd.whole("lease_seconds", {.least = 2, .most = 600}, config.etcd.lease.count()));
  return config;
}

// Fields of policy::Options, whose names and ranges the policy knows itself.
void policy_fields(const TomlTable& table, policy::Options& options) {
  for (const std::string& key : table.keys()) {
    const bool word = key == "passes" || key == "shed";
    const Status set = word ? policy::set_word(options, key, table.text(key))
                            : policy::set_number(options, key, table.number(key, {}));
    if (!set.ok()) table.fail(key, set.message());
  }
}

bool is_metric_name(const std::string& name) {
  return !name.empty() && std::isdigit(static_cast<unsigned char>(name[0])) == 0 &&
         std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == ':'; });
}

void tiers(const TomlTable& root, FleetConfig& config) {
  const std::vector<TomlTable> tables = root.tables("tiers");
  if (tables.empty()) {
    config.tier_metrics.resize(config.policy.tiers.size());
    return;
  }
  config.policy.tiers.clear();
  for (const TomlTable& table : tables) {
    policy::Tier tier;
    TierMetrics metrics;
    tier.name = table.text("name");
    tier.limit = table.number("limit", {.least = 0.01, .most = 1e9}, tier.limit);
    tier.prior_s = table.number("prior_seconds", {.least = 1e-6, .most = 1e6}, tier.prior_s);
    metrics.load = table.text("load", metrics.load);
    metrics.units = table.text("units", metrics.units);
    for (const auto& [key, name] : {std::pair{"load", metrics.load}, {"units", metrics.units}}) {
      if (!is_metric_name(name)) table.fail(key, "must be the name of a metric");
    }
    const std::string source = table.text("source", "workers");
    if (source != "workers" && source != "gateways") {
      table.fail("source", "must be 'workers' or 'gateways'");
    }
    metrics.source = source == "gateways" ? TierSource::kGateways : TierSource::kWorkers;
    config.policy.tiers.push_back(tier);
    config.tier_metrics.push_back(metrics);
  }
}

bool is_region_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 &&
         std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; });
}

void regions(const TomlTable& root, const fs::path& folder, FleetConfig& config) {
  std::set<std::string> names;
  std::set<Address> workers;
  for (const TomlTable& table : root.tables("regions")) {
    policy::Region region{table.text("name"), table.text("continent")};
    if (!is_region_name(region.name)) {
      table.fail("name", "must be 1 to 64 letters, digits, '-' or '_'");
    } else if (!names.insert(region.name).second) {
      table.fail("name", fmt::format("there are two regions '{}'", region.name));
    }
    RegionConfig more;
    more.ingress = address(table, "ingress");
    more.import = ip_address(table, "import");
    more.gateways = addresses(table, "gateways");
    if (more.gateways.empty()) table.fail("gateways", "must name at least one");
    more.workers_file = path(table, "workers_file", folder, "");
    more.workers = addresses(table, "workers",
                             more.workers_file.empty() ? std::optional<std::vector<std::string>>()
                                                       : std::vector<std::string>());
    for (const Address& worker : more.workers) {
      if (!is_ip(worker)) table.fail("workers", "must be IP addresses and ports");
      if (!workers.insert(worker).second) {
        table.fail("workers", fmt::format("{} is named twice", to_string(worker)));
      }
    }
    if (table.has("prometheus")) more.prometheus = address(table, "prometheus");
    config.regions.list.push_back(std::move(region));
    config.region_configs.push_back(std::move(more));
  }
  const size_t count = config.regions.list.size();
  if (count == 0) root.fail("regions", "there must be at least one [[regions]]");
  if (count > kMostRegions) root.fail("regions", fmt::format("more than {}", kMostRegions));
}

void round_trips(const TomlTable& root, FleetConfig& config) {
  const int count = config.regions.size();
  constexpr std::chrono::microseconds kUnset{-1};
  policy::Matrix<std::chrono::microseconds> rtt(count, kUnset);
  const TomlTable all = root.table("rtt_ms");
  bool all_known = true;
  for (const std::string& from : all.keys()) {
    const int source = config.find(from);
    if (source < 0) all.fail(from, "there is no such region");
    const TomlTable row = all.table(from);
    for (const std::string& to : row.keys()) {
      const int target = config.find(to);
      const double ms = row.number(to, {.least = 0, .most = kLongestRttMs});
      if (target < 0) row.fail(to, "there is no such region");
      all_known = all_known && source >= 0 && target >= 0;
      if (source < 0 || target < 0) continue;
      rtt.at(source, target) = std::chrono::microseconds(static_cast<int64_t>(ms * 1000));
    }
  }
  for (int s = 0; s < count; ++s) {
    rtt.at(s, s) = std::chrono::microseconds(0);
    for (int t = 0; t < s; ++t) {
      // One direction will do for both.
      if (rtt.at(s, t) == kUnset) rtt.at(s, t) = rtt.at(t, s);
      if (rtt.at(t, s) == kUnset) rtt.at(t, s) = rtt.at(s, t);
      if (rtt.at(s, t) != kUnset || !all_known) continue;
      root.fail("rtt_ms", fmt::format("has no round trip between '{}' and '{}'",
                                      config.regions.list[s].name, config.regions.list[t].name));
    }
  }
  config.regions.rtt = std::move(rtt);
}

Result<FleetConfig> from_file(base::TomlFile file, std::string_view source,
                              const fs::path& folder) {
  const TomlTable root = file.root();
  FleetConfig config;
  config.manager = manager(root.table("manager"), folder);
  policy_fields(root.table("policy"), config.policy);
  tiers(root, config);
  regions(root, folder, config);
  if (config.regions.size() <= static_cast<int>(kMostRegions)) round_trips(root, config);
  const TomlTable runtime = root.table("runtime");
  for (const std::string& key : runtime.keys()) config.runtime[key] = runtime.number(key, {});
  ZT_RETURN_IF_ERROR(file.finish());
  if (const Status valid = policy::validate(config.policy); !valid.ok()) {
    return valid.with_context(fmt::format("{}: policy", source));
  }
  return config;
}

}  // namespace

int FleetConfig::find(std::string_view region) const {
  for (int i = 0; i < regions.size(); ++i) {
    if (regions.list[i].name == region) return i;
  }
  return -1;
}

Result<FleetConfig> parse_fleet_config(std::string_view text, std::string_view source,
                                       const fs::path& folder) {
  ZT_ASSIGN_OR_RETURN(base::TomlFile file, base::TomlFile::parse(text, source));
  return from_file(std::move(file), source, folder);
}

Result<FleetConfig> read_fleet_config(const fs::path& path) {
  ZT_ASSIGN_OR_RETURN(base::TomlFile file, base::TomlFile::read(path));
  return from_file(std::move(file), path.string(), path.parent_path());
}

Result<std::vector<Address>> parse_workers(std::string_view text, std::string_view source) {
  std::vector<Address> all;
  std::set<Address> seen;
  for (int line = 1; !text.empty(); ++line) {
    std::string_view entry = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(entry.size() + 1, text.size()));
    entry = entry.substr(0, entry.find('#'));
    const size_t first = entry.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) continue;
    entry = entry.substr(first, entry.find_last_not_of(" \t\r") - first + 1);
    auto parsed = parse_addresses(entry);
    if (!parsed.ok()) return parsed.status().with_context(fmt::format("{}:{}", source, line));
    for (Address& worker : *parsed) {
      if (!is_ip(worker)) {
        return base::invalid_argument(fmt::format("{}:{}: {} must be an IP address and a port",
                                                  source, line, base::in_quotes(entry)));
      }
      if (seen.insert(worker).second) all.push_back(std::move(worker));
    }
  }
  return all;
}

}  // namespace zoetrope::traffic::control

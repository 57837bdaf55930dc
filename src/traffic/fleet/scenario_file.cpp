#include "traffic/fleet/scenario_file.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <initializer_list>
#include <utility>

#include "base/toml_file.h"
#include "traffic/fleet/metrics.h"
#include "traffic/fleet/world.h"

namespace zoetrope::traffic::fleet {
namespace {

using base::TomlTable;

constexpr base::NumberRange kShare = {0, 1};
constexpr base::NumberRange kSeconds = {0, 1e8};
constexpr base::NumberRange kFactor = {0, 1000};

template <typename Enum>
using Words = std::initializer_list<std::pair<std::string_view, Enum>>;

// The enumerator named by a field; complains about other words. `value` stays where it is absent.
template <typename Enum>
void read_word(const TomlTable& table, std::string_view key, Words<Enum> words, Enum& value) {
  if (!table.has(key)) return;
  const std::string text = table.text(key, "");
  std::string known;
  for (const auto& [word, meaning] : words) {
    if (word == text) {
      value = meaning;
      return;
    }
    known += (known.empty() ? "" : ", ") + std::string(word);
  }
  table.fail(key, "is one of " + known);
}

void read_number(const TomlTable& table, std::string_view key, base::NumberRange range,
                 double& value) {
  value = table.number(key, range, value);
}

void read_whole(const TomlTable& table, std::string_view key, base::WholeRange range, int& value) {
  value = static_cast<int>(table.whole(key, range, value));
}

void read_duration(const TomlTable& table, std::string_view key, std::chrono::nanoseconds& value) {
  const double seconds = table.number(key, kSeconds, static_cast<double>(value.count()) * 1e-9);
  value = std::chrono::nanoseconds(std::llround(seconds * 1e9));
}

void read_world(const TomlTable& table, WorldOptions& world) {
  read_whole(table, "regions", {1, kMaxPlaces}, world.regions);
  read_whole(table, "gpus", {1, 1'000'000}, world.gpus);
  read_word(table, "sizes", {{"equal", Sizes::kEqual}, {"population", Sizes::kPopulation}},
            world.sizes);
  read_number(table, "service_s", {0.001, 1e5}, world.service_s);
  read_number(table, "service_variation", {0.001, 10}, world.service_variation);
  read_number(table, "job_round_trips", {0, 100}, world.job_round_trips);
}

void read_demand(const TomlTable& table, DemandOptions& demand) {
  read_number(table, "utilisation", {0, 100}, demand.utilisation);
  read_number(table, "daily_ratio", {1, 1000}, demand.daily_ratio);
  read_number(table, "start_h", {0, 24}, demand.start_h);
  read_number(table, "batch_share", kShare, demand.batch_share);
  read_number(table, "batch_period_s", {0.1, 1e6}, demand.batch_period_s);
  read_number(table, "batch_width_s", {0.1, 1e6}, demand.batch_width_s);
  if (!table.has("change")) return;
  demand.changes.clear();
  for (const TomlTable& item : table.tables("change")) {
    DemandChange& change = demand.changes.emplace_back();
    change.regions = item.texts("regions", std::vector<std::string>{});
    change.from_s = item.number("from_s", kSeconds, 0);
    change.to_s = item.number("to_s", {change.from_s + 1e-3, 1e9}, 1e9);
    change.factor = item.number("factor", kFactor);
    change.to_factor = item.number("to_factor", kFactor, change.factor);
  }
}

void read_gateway(const TomlTable& table, GatewayOptions& gateway) {
  read_whole(table, "retries", {0, 100}, gateway.retries);
  read_whole(table, "import_retries", {0, 100}, gateway.import_retries);
  read_word(table, "search",
            {{"choices", Search::kChoices},
             {"full_scan", Search::kFullScan},
             {"own_scan", Search::kOwnScan}},
            gateway.search);
  read_whole(table, "choices", {1, 100}, gateway.choices);
  read_duration(table, "backoff_base_s", gateway.backoff.base);
  read_duration(table, "backoff_cap_s", gateway.backoff.cap);
  read_number(table, "attempts_per_s", {0, 1e9}, gateway.attempts_per_s);
}

void read_client(const TomlTable& table, ClientOptions& client) {
  if (table.has("resubmit")) {
    const std::string how = table.text("resubmit");
    client.resubmit = how != "never";
    if (client.resubmit) {
      read_word(table, "resubmit",
                {{"at_once", submit::Memory::kImmediate},
                 {"reset", submit::Memory::kReset},
                 {"kept", submit::Memory::kKept}},
                client.submit.memory);
    }
  }
  read_duration(table, "backoff_base_s", client.submit.backoff.base);
  read_duration(table, "backoff_cap_s", client.submit.backoff.cap);
  read_whole(table, "max_tries", {1, 60'000}, client.submit.max_tries);
  read_number(table, "deadline_s", {0.1, 1e5}, client.deadline_s);
  read_number(table, "patience_s", kSeconds, client.patience_s);
  read_number(table, "smear_share", kShare, client.smear.share);
  read_duration(table, "smear_window_s", client.smear.window);
}

void read_policy(const TomlTable& table, policy::Options& options) {
  for (const std::string& key : table.keys()) {
    const bool word = key == "passes" || key == "shed";
    const base::Status status = word ? policy::set_word(options, key, table.text(key))
                                     : policy::set_number(options, key, table.number(key, {}));
    if (!status.ok()) table.fail(key, status.message());
  }
}

void read_routing(const TomlTable& table, RoutingOptions& routing) {
  read_word(table, "kind",
            {{"global", Routing::kGlobal},
             {"home", Routing::kHome},
             {"nearest", Routing::kNearest},
             {"table", Routing::kTable}},
            routing.kind);
  read_number(table, "epoch_s", {0.1, 1e5}, routing.epoch_s);
  read_number(table, "target", {0.1, 0.999999}, routing.target);
  read_number(table, "ejection_s", kSeconds, routing.ejection_s);
  read_policy(table.table("policy"), routing.policy);
}

void read_faults(const TomlTable& table, std::vector<Fault>& faults) {
  if (!table.has("fault")) return;
  faults.clear();
  for (const TomlTable& item : table.tables("fault")) {
    Fault& fault = faults.emplace_back();
    item.text("kind");  // must be there
    read_word(item, "kind",
              {{"gpu_blackout", FaultKind::kGpuBlackout},
               {"ingress_blackout", FaultKind::kIngressBlackout},
               {"manager_down", FaultKind::kManagerDown},
               {"stale_metrics", FaultKind::kStaleMetrics},
               {"partition", FaultKind::kPartition}},
              fault.kind);
    const bool whole_fleet = fault.kind == FaultKind::kManagerDown;
    fault.region = whole_fleet ? "" : item.text("region");
    if (fault.kind == FaultKind::kPartition) fault.peer = item.text("peer");
    fault.from_s = item.number("from_s", kSeconds);
    fault.to_s = item.number("to_s", {fault.from_s, 1e9}, 1e9);
    fault.share = item.number("share", kShare, 1);
  }
}

void read_phases(const TomlTable& table, std::vector<Phase>& phases) {
  if (!table.has("phase")) return;
  phases.clear();
  for (const TomlTable& item : table.tables("phase")) {
    Phase& phase = phases.emplace_back();
    phase.name = item.text("name");
    phase.from_s = item.number("from_s", kSeconds);
    phase.to_s = item.number("to_s", {phase.from_s + 1e-3, 1e9});
  }
}

void read_options(const TomlTable& table, Options& options) {
  read_world(table.table("world"), options.world);
  read_demand(table.table("demand"), options.demand);
  read_gateway(table.table("gateway"), options.gateway);
  read_client(table.table("client"), options.client);
  read_routing(table.table("routing"), options.routing);
  read_faults(table, options.faults);
  read_phases(table, options.phases);
  read_number(table, "duration_s", {1, 1e7}, options.duration_s);
  read_number(table, "warm_up_s", {0, options.duration_s}, options.warm_up_s);
  read_number(table, "sample_s", {0.1, 1e5}, options.sample_s);
}

std::vector<Gate> read_gates(const std::vector<TomlTable>& tables) {
  std::vector<Gate> gates;
  for (const TomlTable& item : tables) {
    Gate& gate = gates.emplace_back();
    gate.metric = item.text("metric");
    if (!is_metric(gate.metric)) item.fail("metric", "is none that there is");
    gate.phase = item.text("phase", "");
    gate.order = item.texts("order", std::vector<std::string>{});
    if (!gate.order.empty()) continue;
    gate.arm = item.text("arm", "");
    gate.than = item.text("than", "");
    gate.times = item.number("times", {}, 1);
    if (item.has("at_least")) gate.at_least = item.number("at_least", {});
    if (item.has("at_most")) gate.at_most = item.number("at_most", {});
    if (!gate.at_least && !gate.at_most) item.fail("at_least", "or at_most or order is needed");
  }
  return gates;
}

// That gates speak of arms and phases that there are.
void check_gates(const std::vector<TomlTable>& tables, const Scenario& scenario) {
  for (size_t i = 0; i < tables.size(); ++i) {
    const Gate& gate = scenario.gates[i];
    std::vector<std::string> arms = gate.order;
    arms.push_back(gate.arm);
    arms.push_back(gate.than);
    for (const std::string& name : arms) {
      const bool known =
          name.empty() || std::any_of(scenario.arms.begin(), scenario.arms.end(),
                                      [&](const Arm& arm) { return arm.name == name; });
      if (!known) tables[i].fail(gate.order.empty() ? "arm" : "order", "no arm " + name);
    }
    const auto& phases = scenario.arms.front().options.phases;
    const bool known = gate.phase.empty() ||
                       std::any_of(phases.begin(), phases.end(),
                                   [&](const Phase& phase) { return phase.name == gate.phase; });
    if (!known) tables[i].fail("phase", "no phase " + gate.phase);
  }
}

}  // namespace

base::Result<Scenario> read_scenario(std::string_view text, std::string_view source, Size size) {
  ZT_ASSIGN_OR_RETURN(base::TomlFile file, base::TomlFile::parse(text, source));
  const TomlTable root = file.root();
  Scenario scenario;
  scenario.name = root.text("name");
  scenario.title = root.text("title");
  scenario.about = root.text("about", "");
  scenario.seeds = static_cast<int>(root.whole("seeds", {1, 1000}, scenario.seeds));
  Options options;
  read_options(root, options);
  // Read in either case, so that a mistake in it is found.
  const TomlTable slice = root.table("slice");
  const int slice_seeds = static_cast<int>(slice.whole("seeds", {1, 1000}, scenario.seeds));
  Options sliced = options;
  read_options(slice, sliced);
  if (size == Size::kSlice) {
    options = sliced;
    scenario.seeds = slice_seeds;
  }
  for (const TomlTable& table : root.tables("arm")) {
    Arm& arm = scenario.arms.emplace_back(Arm{table.text("name"), options});
    read_options(table, arm.options);
    // What the slice says holds for every arm.
    if (size == Size::kSlice) read_options(slice, arm.options);
  }
  if (scenario.arms.empty()) scenario.arms.push_back({"only", options});
  const std::vector<TomlTable> gates = root.tables("gate");
  scenario.gates = read_gates(gates);
  check_gates(gates, scenario);
  ZT_RETURN_IF_ERROR(file.finish());
  return scenario;
}

}  // namespace zoetrope::traffic::fleet

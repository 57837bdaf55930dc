// zoetrope simulate: scenarios of a fleet's day, their gates, and the report.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "apps/exit_code.h"
#include "apps/fleet/commands.h"
#include "apps/interrupt.h"
#include "apps/json_output.h"
#include "apps/output_path.h"
#include "apps/progress_view.h"
#include "media/file.h"
#include "traffic/fleet/campaign.h"
#include "traffic/fleet/report.h"
#include "traffic/fleet/scenario_library.h"
#include "traffic/fleet/summary.h"

namespace zoetrope::apps {
namespace {

using traffic::fleet::CampaignResult;
using traffic::fleet::Scenario;

struct Flags {
  std::vector<std::string> scenarios;
  bool all = false;
  bool list = false;
  bool json = false;
  bool slice = false;
  uint64_t seed = 1;
  std::optional<int> seeds;
  std::string report;
  std::string plots;
};

constexpr const char* kFooter = R"(
A scenario is a TOML file or the name of a shipped one (--list): a fleet, its load,
how it is routed and retried, what fails; arms that differ in a few fields; and the
gate that must hold. The routing table is made by the code that the manager runs.

Exit codes: 0 every gate holds, 1 one does not, 2 the command line is wrong.

--all writes docs/traffic_report.html unless --report names another file.

Examples:
  zoetrope simulate S4
  zoetrope simulate my_fleet.toml --seed 7 --json
  zoetrope simulate --all --plots docs/images)";

constexpr const char* kReport = "docs/traffic_report.html";

void print_list() {
  for (const Scenario& scenario : traffic::fleet::shipped()) {
    fmt::print("{:<5}{}\n", scenario.name, scenario.title);
  }
}

base::Result<std::vector<Scenario>> wanted(const Flags& flags) {
  const auto size = flags.slice ? traffic::fleet::Size::kSlice : traffic::fleet::Size::kFull;
  std::vector<Scenario> scenarios;
  if (flags.all) scenarios = traffic::fleet::shipped(size);
  for (const std::string& name : flags.scenarios) {
    ZT_ASSIGN_OR_RETURN(Scenario scenario, traffic::fleet::open_scenario(name, size));
    scenarios.push_back(std::move(scenario));
  }
  for (Scenario& scenario : scenarios) scenario.seeds = flags.seeds.value_or(scenario.seeds);
  return scenarios;
}

std::string report_path(const Flags& flags) {
  return flags.report.empty() && flags.all ? kReport : flags.report;
}

base::Status write(const Flags& flags, const std::vector<CampaignResult>& results) {
  const std::string path = report_path(flags);
  if (!path.empty()) {
    const std::string page = traffic::fleet::report_page(results);
    ZT_RETURN_IF_ERROR(
        media::write_file(path, {reinterpret_cast<const uint8_t*>(page.data()), page.size()}));
  }
  if (flags.plots.empty()) return {};
  return traffic::fleet::write_plots(results, flags.plots);
}

int run(const Flags& flags) {
  const Output output = flags.json ? Output::kJson : Output::kText;
  if (flags.list) {
    print_list();
    return kExitFine;
  }
  if (flags.all == !flags.scenarios.empty()) {
    return fail_usage(base::invalid_argument("name a scenario, or --all"), output);
  }
  const auto scenarios = wanted(flags);
  if (!scenarios.ok()) return fail_usage(scenarios.status(), output);

  // Before minutes of work, not after.
  if (!report_path(flags).empty()) {
    const base::Status writable = check_writable(report_path(flags));
    if (!writable.ok()) return fail_usage(writable, output);
  }

  const InterruptGuard interrupt;
  const auto view = make_progress_view(flags.json ? ProgressStyle::kQuiet : ProgressStyle::kAuto);
  std::vector<CampaignResult> results;
  for (const Scenario& scenario : *scenarios) {
    auto result = traffic::fleet::run_campaign(
        scenario, {.seed = flags.seed,
                   .progress = [&](const base::Progress& at) { view->update(at); },
                   .cancel = interrupt.token()});
    if (!result.ok()) {
      view->finish("");
      return fail(result.status(), output);
    }
    view->finish("");
    if (!flags.json) fmt::print("{}\n", traffic::fleet::as_text(*result));
    results.push_back(std::move(result).value());
  }
  const base::Status written = write(flags, results);
  if (!written.ok()) return fail(written, output);
  if (flags.json) print_json(traffic::fleet::as_json(results));
  const bool passed = std::all_of(results.begin(), results.end(),
                                  [](const CampaignResult& result) { return result.passed(); });
  return passed ? kExitFine : kExitFailed;
}

}  // namespace

Command add_simulate(CLI::App& root) {
  CLI::App* command =
      root.add_subcommand("simulate", "Simulate a fleet: regions, routing, retries, failures");
  command->footer(kFooter);
  const auto flags = std::make_shared<Flags>();
  command->add_option("SCENARIO", flags->scenarios, "Name or TOML file");
  command->add_flag("--all", flags->all, "Every shipped scenario");
  command->add_flag("--list", flags->list, "Show the shipped scenarios and leave");
  command->add_flag("--slice", flags->slice, "The smaller runs that the tests make");
  command->add_option("--seed", flags->seed, "Seed of the first run")->capture_default_str();
  command->add_option("--seeds", flags->seeds, "Runs an arm (default: as the scenario says)")
      ->type_name("N")
      ->check(CLI::Range(1, 1000));
  command->add_option("--report", flags->report, "Write the report to this HTML file")
      ->type_name("FILE");
  command->add_option("--plots", flags->plots, "Write its figures to this folder as PNG")
      ->type_name("FOLDER");
  command->add_flag("--json", flags->json, "Print one JSON object");
  return {command, [flags] { return run(*flags); }};
}

}  // namespace zoetrope::apps

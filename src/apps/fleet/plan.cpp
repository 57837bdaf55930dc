// zoetrope plan: from a demand forecast and measured service times to GPUs per region.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/exit_code.h"
#include "apps/fleet/commands.h"
#include "apps/interrupt.h"
#include "apps/json_output.h"
#include "apps/output_path.h"
#include "apps/progress_view.h"
#include "media/file.h"
#include "traffic/fleet/plan_check.h"
#include "traffic/fleet/plan_input.h"
#include "traffic/fleet/plan_report.h"

namespace zoetrope::apps {
namespace {

namespace fleet = traffic::fleet;

struct Flags {
  std::string forecast;
  std::string bench;
  double service_s = 0;
  double service_variation = 0.15;
  fleet::PlanOptions plan;
  bool full_scan = false;
  double confidence = 0.95;
  uint64_t seed = 1;
  std::string report;
  bool json = false;
};

constexpr const char* kFooter = R"(
The forecast is a CSV with the columns region, hour (UTC) and requests_per_s; a region
is one of the simulator's cities, or has the columns latitude, longitude, continent.
The service time is measured: `zoetrope bench --json`. The plan gives GPUs per region
for regions on their own and for regions that share, says what it rests on and what is
free when, and is confirmed by simulating its busiest hour.

Exit codes: 0 confirmed, 1 not, 2 an input is wrong.

Examples:
  zoetrope plan examples/forecast.csv --service-s 4
  zoetrope plan forecast.csv --bench bench.json --growth 1.4 --spike 1.8 --spike-hour 17 \
      --spike-region virginia --target 0.995 --report plan.html)";

base::Result<std::string> read_text(const std::string& path) {
  constexpr int64_t kMaxBytes = 16 << 20;
  ZT_ASSIGN_OR_RETURN(const std::vector<uint8_t> bytes, media::read_file(path, kMaxBytes));
  return std::string(bytes.begin(), bytes.end());
}

base::Result<fleet::Service> service_of(const Flags& flags) {
  if ((flags.service_s > 0) == !flags.bench.empty()) {
    return base::invalid_argument("one of --bench and --service-s is needed");
  }
  if (flags.bench.empty()) {
    return fleet::Service{flags.service_s, flags.service_variation, "as given"};
  }
  ZT_ASSIGN_OR_RETURN(const std::string text, read_text(flags.bench));
  return fleet::read_service(text, flags.bench);
}

base::Result<fleet::Forecast> forecast_of(const Flags& flags) {
  ZT_ASSIGN_OR_RETURN(const std::string text, read_text(flags.forecast));
  return fleet::read_forecast(text, flags.forecast);
}

int run(Flags flags) {
  const Output output = flags.json ? Output::kJson : Output::kText;
  if (flags.full_scan) flags.plan.gateway.search = fleet::Search::kFullScan;
  const auto service = service_of(flags);
  if (!service.ok()) return fail_usage(service.status(), output);
  const auto forecast = forecast_of(flags);
  if (!forecast.ok()) return fail_usage(forecast.status(), output);
  auto plan = fleet::make_plan(*forecast, *service, flags.plan);
  if (!plan.ok()) return fail_usage(plan.status(), output);
  if (!flags.report.empty()) {
    const base::Status writable = check_writable(flags.report);
    if (!writable.ok()) return fail_usage(writable, output);
  }

  const InterruptGuard interrupt;
  const auto view = make_progress_view(flags.json ? ProgressStyle::kQuiet : ProgressStyle::kAuto);
  const auto check =
      fleet::check_plan(*plan, *forecast, *service, flags.plan,
                        {.confidence = flags.confidence,
                         .seed = flags.seed,
                         .progress = [&](const base::Progress& at) { view->update(at); },
                         .cancel = interrupt.token()});
  view->finish("");
  if (!check.ok()) return fail(check.status(), output);

  const fleet::PlanReport report{*plan, *check, flags.plan, *service, flags.confidence};
  if (!flags.report.empty()) {
    const std::string page = fleet::plan_page(report);
    const base::Status written = media::write_file(
        flags.report, {reinterpret_cast<const uint8_t*>(page.data()), page.size()});
    if (!written.ok()) return fail(written, output);
  }
  if (flags.json) {
    print_json(fleet::plan_json(report));
  } else {
    fmt::print("{}", fleet::plan_text(report));
  }
  return check->confirmed ? kExitFine : kExitFailed;
}

void add_flags(CLI::App& command, Flags& flags) {
  command.add_option("FORECAST", flags.forecast, "CSV: region, hour, requests_per_s")->required();
  command.add_option("--bench", flags.bench, "Service time from this JSON of zoetrope bench")
      ->type_name("FILE");
  command.add_option("--service-s", flags.service_s, "Mean seconds that a job holds a GPU")
      ->type_name("S")
      ->check(CLI::Range(0.001, 1e5));
  command.add_option("--growth", flags.plan.growth, "Demand over the forecast's")
      ->check(CLI::Range(0.001, 1e4))
      ->capture_default_str();
  command.add_option("--spike", flags.plan.spike.factor, "Launch: demand of one hour times this")
      ->type_name("FACTOR")
      ->check(CLI::Range(1.0, 1e4))
      ->capture_default_str();
  command
      .add_option("--spike-hour", flags.plan.spike.hour, "UTC hour of it (default: the busiest)")
      ->type_name("H")
      ->check(CLI::Range(0, 23));
  command.add_option("--spike-region", flags.plan.spike.regions, "Where (default: everywhere)")
      ->type_name("REGION");
  command.add_option("--target", flags.plan.target, "Success within one submission")
      ->check(CLI::Range(0.5, 0.999999))
      ->capture_default_str();
  command.add_option("--retries", flags.plan.gateway.retries, "A gateway's retries")
      ->check(CLI::Range(0, 100))
      ->capture_default_str();
  command.add_option("--choices", flags.plan.gateway.choices, "Workers looked at by one try")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  command.add_flag("--full-scan", flags.full_scan, "Gateways see every worker (FULL_SCAN)");
  command.add_option("--confidence", flags.confidence, "Of the simulator's word")
      ->check(CLI::Range(0.5, 0.9999))
      ->capture_default_str();
  command.add_option("--seed", flags.seed, "Seed of the first run")->capture_default_str();
  command.add_option("--report", flags.report, "Write a page to this HTML file")->type_name("FILE");
  command.add_flag("--json", flags.json, "Print one JSON object");
}

}  // namespace

Command add_plan(CLI::App& root) {
  CLI::App* command =
      root.add_subcommand("plan", "GPUs per region, from a forecast and measured service times");
  command->footer(kFooter);
  const auto flags = std::make_shared<Flags>();
  add_flags(*command, *flags);
  return {command, [flags] { return run(*flags); }};
}

}  // namespace zoetrope::apps

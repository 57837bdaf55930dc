// zoetrope loadtest: open-loop load against an HTTP endpoint, up to beyond its knee.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "apps/exit_code.h"
#include "apps/fleet/commands.h"
#include "apps/interrupt.h"
#include "apps/json_output.h"
#include "apps/progress_view.h"
#include "traffic/load/figures.h"
#include "traffic/load/load_test.h"

namespace zoetrope::apps {
namespace {

namespace load = traffic::load;
namespace submit = traffic::submit;
using std::chrono::nanoseconds;

struct Flags {
  std::string url;
  double from = 1;
  std::optional<double> to;
  int steps = 8;
  double step_s = 20;
  double deadline_s = 60;
  double base_s = 0.1;
  double cap_s = 4;
  submit::Memory memory = submit::Memory::kKept;
  bool once = false;
  std::optional<double> budget;
  double smear_share = 0;
  double smear_s = 8;
  uint64_t seed = 1;
  double target = 0.99;
  std::optional<double> plan_knee;
  bool json = false;
};

constexpr const char* kFooter = R"(
Jobs come as a Poisson process, whatever became of those before (open loop), and
latency counts from when a job was due. Refused jobs (429, 503, no connection) are
submitted again with full-jitter back-off until their deadline, with
x-zoetrope-attempt, x-zoetrope-deadline and idempotency-key telling which job it is.
A knee is where success falls below --target.

Exit codes: 0 the first step held the target (and the knee that was planned for, if
named, was reached within 3 %), 1 it did not, 2 the command line is wrong.

Examples:
  zoetrope loadtest http://127.0.0.1:8001 --rate 40 --seconds 60
  zoetrope loadtest http://gateway:8001/v1/images/generations --rate 40 --to 120 \
      --steps 9 --seconds 30 --plan-knee 88 --json
  zoetrope loadtest http://127.0.0.1:8001 --rate 100 --once
  zoetrope loadtest http://127.0.0.1:8001 --rate 100 --retry immediate)";

nanoseconds in_ns(double seconds) {
  return std::chrono::duration_cast<nanoseconds>(std::chrono::duration<double>(seconds));
}

base::Result<load::Options> options_of(const Flags& flags) {
  load::Options options;
  ZT_ASSIGN_OR_RETURN(options.endpoint, load::parse_url(flags.url));
  ZT_ASSIGN_OR_RETURN(options.stages,
                      load::staircase(flags.from, flags.to.value_or(flags.from),
                                      flags.to ? flags.steps : 1, in_ns(flags.step_s)));
  if (flags.cap_s < flags.base_s) {
    return base::invalid_argument("backoff-cap: must not be below backoff-base");
  }
  options.seed = flags.seed;
  options.submit.backoff = {in_ns(flags.base_s), in_ns(flags.cap_s)};
  options.submit.memory = flags.memory;
  if (flags.once) options.submit.max_tries = 1;
  if (flags.budget) options.budget.emplace().share = *flags.budget;
  options.smear = {flags.smear_share, in_ns(flags.smear_s)};
  options.deadline = in_ns(flags.deadline_s);
  return options;
}

void print_text(const std::vector<load::StageFigures>& stages) {
  fmt::print("{:>9} {:>8} {:>9} {:>9} {:>9} {:>8} {:>8} {:>8} {:>9}\n", "offered", "jobs",
             "success", "goodput", "attempts", "p50 s", "p90 s", "p99 s", "admit p99");
  for (const load::StageFigures& stage : stages) {
    const load::Figures& is = stage.figures;
    fmt::print(
        "{:>7.1f}/s {:>8} {:>9.4f} {:>7.1f}/s {:>9.2f} {:>8.2f} {:>8.2f} {:>8.2f} {:>9.2f}\n",
        is.offered, is.jobs, is.success, is.goodput, is.attempts, is.latency.p50, is.latency.p90,
        is.latency.p99, is.admission.p99);
  }
}

nlohmann::json as_json(const Flags& flags, const std::vector<load::StageFigures>& stages,
                       std::optional<double> knee) {
  nlohmann::json all = {{"url", flags.url}, {"seed", flags.seed}, {"target", flags.target}};
  for (const load::StageFigures& stage : stages) {
    nlohmann::json one = to_json(stage.figures);
    one["rate_per_s"] = stage.stage.rate;
    one["seconds"] = std::chrono::duration<double>(stage.stage.length).count();
    all["stages"].push_back(std::move(one));
  }
  all["knee_per_s"] = knee ? nlohmann::json(*knee) : nlohmann::json(nullptr);
  if (flags.plan_knee) all["plan_knee_per_s"] = *flags.plan_knee;
  return all;
}

// Whether the endpoint did what it should.
bool good(const Flags& flags, const std::vector<load::StageFigures>& stages,
          std::optional<double> knee) {
  constexpr double kTolerance = 0.03;
  if (stages.front().figures.success < flags.target) return false;
  if (!flags.plan_knee || !knee) return true;  // without a knee all steps held
  return *knee >= *flags.plan_knee * (1 - kTolerance);
}

int run(const Flags& flags) {
  const Output output = flags.json ? Output::kJson : Output::kText;
  const auto options = options_of(flags);
  if (!options.ok()) return fail_usage(options.status(), output);
  const InterruptGuard interrupt;
  const auto view = make_progress_view(flags.json ? ProgressStyle::kQuiet : ProgressStyle::kAuto);
  const auto of = static_cast<int64_t>(load::arrivals(options->stages, options->seed).size());
  int64_t ended = 0;
  const auto records = load::run(*options, interrupt.token(), [&](const load::JobRecord&) {
    if (++ended % 16 == 0) view->update({"load", ended, of});
  });
  view->finish("");
  if (interrupt.token().cancelled()) {
    return fail({base::StatusCode::kCancelled, "stopped; nothing is reported of half a test"},
                output);
  }
  const auto stages = load::by_stage(records, options->stages);
  const auto knee = load::knee(stages, flags.target);
  if (flags.json) {
    print_json(as_json(flags, stages, knee));
  } else {
    print_text(stages);
    if (knee) fmt::print("knee at {:.1f}/s (success {} held up to there)", *knee, flags.target);
    if (knee && flags.plan_knee) {
      fmt::print("; planned {:.1f}/s, {:+.1f} %", *flags.plan_knee,
                 100 * (*knee / *flags.plan_knee - 1));
    }
    if (knee) fmt::print("\n");
  }
  return good(flags, stages, knee) ? kExitFine : kExitFailed;
}

void add_load_flags(CLI::App& command, Flags& flags) {
  command.add_option("URL", flags.url, "Where jobs are posted: http://HOST:PORT/PATH")->required();
  command.add_option("--rate", flags.from, "Jobs a second (of the first step)")
      ->capture_default_str();
  command.add_option("--to", flags.to, "Jobs a second of the last step: a staircase")
      ->type_name("RATE");
  command.add_option("--steps", flags.steps, "Steps of the staircase")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command.add_option("--seconds", flags.step_s, "Length of a step")
      ->check(CLI::Range(0.1, 86400.0))
      ->capture_default_str();
  command.add_option("--seed", flags.seed, "Seed of arrivals and back-off")->capture_default_str();
  command.add_option("--target", flags.target, "Success that counts as enough")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command.add_option("--plan-knee", flags.plan_knee, "Jobs a second that were planned for")
      ->type_name("RATE")
      ->check(CLI::PositiveNumber);
  command.add_flag("--json", flags.json, "Print one JSON object");
}

void add_retry_flags(CLI::App& command, Flags& flags) {
  const std::map<std::string, submit::Memory> memories = {
      {"kept", submit::Memory::kKept},
      {"reset", submit::Memory::kReset},
      {"immediate", submit::Memory::kImmediate}};
  command
      .add_option("--retry", flags.memory,
                  "How refused jobs come again: back-off kept across submissions, reset with "
                  "each, or immediate")
      ->transform(CLI::CheckedTransformer(memories, CLI::ignore_case))
      ->type_name("kept|reset|immediate")
      ->group("Retries");
  command.add_flag("--once", flags.once, "Submit each job only once")->group("Retries");
  command.add_option("--deadline", flags.deadline_s, "Seconds until a job is given up")
      ->check(CLI::Range(0.01, 86400.0))
      ->capture_default_str()
      ->group("Retries");
  command.add_option("--backoff-base", flags.base_s, "First window of the back-off, seconds")
      ->check(CLI::Range(0.001, 3600.0))
      ->capture_default_str()
      ->group("Retries");
  command.add_option("--backoff-cap", flags.cap_s, "Longest window, seconds")
      ->check(CLI::Range(0.001, 3600.0))
      ->capture_default_str()
      ->group("Retries");
  command.add_option("--budget", flags.budget, "Most resubmissions per job, over 10 s (and 10/s)")
      ->type_name("SHARE")
      ->check(CLI::Range(0.0, 100.0))
      ->group("Retries");
  command.add_option("--smear", flags.smear_share, "Share of jobs that are put off")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str()
      ->group("Retries");
  command.add_option("--smear-window", flags.smear_s, "By at most so many seconds")
      ->check(CLI::Range(0.0, 86400.0))
      ->capture_default_str()
      ->group("Retries");
}

}  // namespace

Command add_loadtest(CLI::App& root) {
  CLI::App* command = root.add_subcommand("loadtest", "Load an endpoint beyond its knee");
  command->footer(kFooter);
  const auto flags = std::make_shared<Flags>();
  add_load_flags(*command, *flags);
  add_retry_flags(*command, *flags);
  return {command, [flags] { return run(*flags); }};
}

}  // namespace zoetrope::apps

// zoetrope traffic agent: brings a region's tables from the manager into files.
#include <CLI/CLI.hpp>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "apps/exit_code.h"
#include "apps/fleet/traffic.h"
#include "apps/json_output.h"
#include "apps/stop_signals.h"
#include "base/log.h"
#include "traffic/control/agent.h"

namespace zoetrope::apps {
namespace {

namespace control = traffic::control;

struct Flags {
  std::string region;
  std::vector<std::string> managers;
  std::string folder;
  double seconds = 1;
  bool once = false;
  bool json = false;
};

constexpr const char* kFooter = R"(
Writes pool.json, pool_local.json and runtime.json into --folder, each by a rename,
which Envoy's path_config_source watches for. What a gateway must not get (an empty
list, an older table) is not written. While no manager answers the files stay.

Examples:
  zoetrope traffic agent --region use1 --manager 10.0.0.1:17000 --folder /var/lib/zoetrope/use1
  zoetrope traffic agent --region use1 --manager 10.0.0.1:17000 --folder tables --once

Exit status: 0 stopped as asked (with --once: the files are there and current),
1 failed, 2 wrong usage.)";

// Logs when it changes from well to unwell and back, not every second.
void tell(const control::AgentRound& round, std::string& problem) {
  for (const std::string& file : round.written) {
    base::log(base::LogLevel::kInfo, "table replaced", {{"file", file}});
  }
  if (round.problem.message() == problem) return;
  problem = round.problem.message();
  if (problem.empty()) {
    base::log(base::LogLevel::kInfo, "the manager answers again");
  } else {
    base::log(base::LogLevel::kWarning, "tables kept", {{"reason", problem}});
  }
}

// Pulls until it is told to stop.
class Puller {
 public:
  Puller(control::Agent agent, std::chrono::duration<double> pause)
      : agent_(std::move(agent)), pause_(pause), thread_([this] { run(); }) {}
  ~Puller() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }

 private:
  void run() {
    std::string problem;
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      lock.unlock();
      tell(agent_.pull(), problem);
      lock.lock();
      wake_.wait_for(lock, pause_, [this] { return stopping_; });
    }
  }

  control::Agent agent_;
  const std::chrono::duration<double> pause_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;  // last: it uses the others
};

int run(const Flags& flags) {
  const Output output = flags.json ? Output::kJson : Output::kText;
  control::AgentOptions options{.region = flags.region, .managers = {}, .folder = flags.folder};
  for (const std::string& text : flags.managers) {
    const auto manager = control::parse_address(text);
    if (!manager.ok()) return fail_usage(manager.status().with_context("manager"), output);
    options.managers.push_back(*manager);
  }
  StopSignals signals;  // before the first thread
  base::set_log(base::LogFormat::kLogfmt, base::LogLevel::kInfo);
  auto agent = control::Agent::make(std::move(options), control::fetch);
  if (!agent.ok()) return fail(agent.status(), output);
  if (flags.once) {
    const control::AgentRound round = agent->pull();
    if (!round.problem.ok()) return fail(round.problem, output);
    if (flags.json) print_json({{"written", round.written}});
    return kExitFine;
  }
  {
    const Puller puller(*std::move(agent), std::chrono::duration<double>(flags.seconds));
    signals.wait();
  }
  return kExitFine;
}

}  // namespace

Command add_traffic_agent(CLI::App& traffic) {
  CLI::App* command =
      traffic.add_subcommand("agent", "Keep a region's tables in files for its gateways");
  command->footer(kFooter);
  const auto flags = std::make_shared<Flags>();
  command->add_option("--region", flags->region, "Whose tables")->type_name("NAME")->required();
  command->add_option("--manager", flags->managers, "Where to pull them; several are tried in turn")
      ->type_name("HOST:PORT")
      ->required();
  command->add_option("--folder", flags->folder, "Where the files go; made if need be")
      ->type_name("DIR")
      ->required();
  command->add_option("--seconds", flags->seconds, "Time between two pulls")
      ->check(CLI::Range(0.05, 3600.0))
      ->capture_default_str();
  command->add_flag("--once", flags->once, "Pull once and leave");
  command->add_flag("--json", flags->json, "With --once: say which files were replaced");
  return {command, [flags] { return run(*flags); }};
}

}  // namespace zoetrope::apps

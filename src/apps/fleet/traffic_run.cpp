// zoetrope traffic run: the manager.
#include <CLI/CLI.hpp>

#include <csignal>
#include <cstdio>
#include <memory>
#include <string>

#include "apps/exit_code.h"
#include "apps/fleet/traffic.h"
#include "apps/json_output.h"
#include "apps/open_files.h"
#include "apps/stop_signals.h"
#include "base/log.h"
#include "traffic/control/process.h"

namespace zoetrope::apps {
namespace {

namespace control = traffic::control;

struct Flags {
  std::string fleet = "fleet.toml";
  bool check = false;
  bool json = false;
};

constexpr const char* kFooter = R"(
FLEET is a TOML file with the regions, their gateways and workers, and the
thresholds (docs/traffic.md). Every epoch the manager reads their metrics, decides
which region's requests are served where, and publishes that as a table. Prints its
address when it is ready: the status page is at /, metrics at /metrics.

With [manager.etcd] any number of managers may run: one leads, the others serve
what it publishes. SIGTERM or Ctrl-C stops it; gateways keep their last table.

Examples:
  zoetrope traffic run fleet.toml
  zoetrope traffic run fleet.toml --check

Exit status: 0 stopped as asked, 1 failed, 2 wrong usage or a wrong FLEET.)";

int run(const Flags& flags) {
  StopSignals signals;  // before the first thread
  const Output output = flags.json ? Output::kJson : Output::kText;
  base::set_log(base::LogFormat::kLogfmt, base::LogLevel::kInfo);
  auto config = control::read_fleet_config(flags.fleet);
  if (!config.ok()) return fail_usage(config.status(), output);
  if (flags.check) {
    if (flags.json) print_json({{"regions", config->regions.size()}});
    if (!flags.json)
      std::printf("%s: fine, %d regions\n", flags.fleet.c_str(), config->regions.size());
    return kExitFine;
  }
  raise_open_file_limit();
  const auto process = control::Process::start(*std::move(config));
  if (!process.ok()) {
    const bool usage = process.status().code() == base::StatusCode::kInvalidArgument;
    return usage ? fail_usage(process.status(), output) : fail(process.status(), output);
  }
  const std::string address = "http://" + control::to_string((*process)->address());
  if (flags.json) {
    print_json({{"address", address}});
  } else {
    std::printf("The traffic manager is at %s (Ctrl-C stops it)\n", address.c_str());
  }
  std::fflush(stdout);
  while (signals.wait() == SIGHUP) {
  }
  signals.let_go();
  return kExitFine;
}

}  // namespace

Command add_traffic_run(CLI::App& traffic) {
  CLI::App* command = traffic.add_subcommand("run", "Run the traffic manager");
  command->footer(kFooter);
  const auto flags = std::make_shared<Flags>();
  command->add_option("FLEET", flags->fleet, "The fleet, a TOML file")->capture_default_str();
  command->add_flag("--check", flags->check, "Read FLEET, say what is wrong with it, and leave");
  command->add_flag("--json", flags->json, "Say the address as a JSON object");
  return {command, [flags] { return run(*flags); }};
}

}  // namespace zoetrope::apps

// zoetrope traffic envoy: the configuration of a region's gateway.
#include <CLI/CLI.hpp>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "apps/exit_code.h"
#include "apps/fleet/traffic.h"
#include "traffic/control/fleet_config.h"
#include "traffic/envoy/gateway.h"

namespace zoetrope::apps {
namespace {

namespace control = traffic::control;
namespace envoy = traffic::envoy;

struct Flags {
  std::string fleet = "fleet.toml";
  std::string region, folder, listen_host;
  int gateway = 0;
  std::string tables = "files", callers = "users";
  int retries = 8;
  double first_ms = 100, longest_ms = 4000;
  double budget_percent = 50;
};

constexpr const char* kFooter = R"(
FLEET is the TOML file of `zoetrope traffic run`. Prints a complete bootstrap for
Envoy 1.40 on stdout: an ingress listener for users, an import listener for other
regions, and the admin interface, on the ports that FLEET gives the region and the
address it gives the gateway.

By default the tables are files in --folder, kept there by `zoetrope traffic agent`;
run it with --once before the gateway starts for the first time. With --tables rest
the gateway asks the manager itself, and has no table if it starts while that is away.

Examples:
  zoetrope traffic envoy fleet.toml --region use1 > use1.json
  zoetrope traffic envoy fleet.toml --region use1 --folder /srv/tables/use1 > use1.json
  envoy --mode validate -c use1.json

Exit status: 0 fine, 2 wrong usage or a wrong FLEET.)";

base::Result<envoy::Gateway> gateway_of(const control::FleetConfig& fleet, const Flags& flags) {
  const int region = fleet.find(flags.region);
  if (region < 0) {
    return base::invalid_argument(flags.fleet +
                                  ": there is no region of this name: " + flags.region);
  }
  const control::RegionConfig& config = fleet.region_configs[region];
  if (flags.gateway >= static_cast<int>(config.gateways.size())) {
    return base::invalid_argument(flags.fleet + ": the region has " +
                                  std::to_string(config.gateways.size()) + " gateways, no " +
                                  std::to_string(flags.gateway));
  }
  const auto ms = [](double value) { return std::chrono::milliseconds(std::lround(value)); };
  envoy::Gateway gateway;
  gateway.region = flags.region;
  gateway.id = "gateway-" + flags.region + "-" + std::to_string(flags.gateway);
  const control::Address& admin = config.gateways[flags.gateway];
  gateway.admin = {admin.host, admin.port};
  const std::string& host = flags.listen_host.empty() ? admin.host : flags.listen_host;
  gateway.ingress = {host, config.ingress.port};
  gateway.import = {host, config.import.port};
  gateway.tables = flags.tables == "rest" ? envoy::TableSource::kRest : envoy::TableSource::kFiles;
  gateway.folder = flags.folder.empty() ? "/var/lib/zoetrope/" + flags.region
                                        : std::filesystem::absolute(flags.folder).string();
  gateway.manager = {fleet.manager.address.host, fleet.manager.address.port};
  gateway.callers =
      flags.callers == "submitters" ? envoy::Callers::kSubmitters : envoy::Callers::kUsers;
  gateway.retries.count = flags.retries;
  gateway.retries.base_interval = ms(flags.first_ms);
  gateway.retries.max_interval = ms(flags.longest_ms);
  gateway.budget.percent = flags.budget_percent;
  return gateway;
}

int run(const Flags& flags) {
  const auto fleet = control::read_fleet_config(flags.fleet);
  if (!fleet.ok()) return fail_usage(fleet.status(), Output::kText);
  const auto gateway = gateway_of(*fleet, flags);
  if (!gateway.ok()) return fail_usage(gateway.status(), Output::kText);
  const auto text = envoy::bootstrap(*gateway);
  if (!text.ok()) return fail_usage(text.status(), Output::kText);
  std::fputs(text->c_str(), stdout);
  return kExitFine;
}

void add_retry_flags(CLI::App& command, Flags& flags) {
  command.add_option("--retries", flags.retries, "Tries of a request after the first")
      ->capture_default_str()
      ->group("Retries");
  command.add_option("--first-ms", flags.first_ms, "Before the first retry: up to so long")
      ->capture_default_str()
      ->group("Retries");
  command.add_option("--longest-ms", flags.longest_ms, "Each next gap doubles, up to this")
      ->capture_default_str()
      ->group("Retries");
  command
      .add_option("--budget", flags.budget_percent,
                  "Retries under way, in percent of the requests of 10 s")
      ->capture_default_str()
      ->group("Retries");
}

}  // namespace

Command add_traffic_envoy(CLI::App& traffic) {
  CLI::App* command = traffic.add_subcommand("envoy", "Print the configuration of a gateway");
  command->footer(kFooter);
  const auto flags = std::make_shared<Flags>();
  command->add_option("FLEET", flags->fleet, "The fleet, a TOML file")->capture_default_str();
  command->add_option("--region", flags->region, "Whose gateway")->type_name("NAME")->required();
  command->add_option("--gateway", flags->gateway, "Which of the region's gateways, from 0")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  const std::map<std::string, envoy::TableSource> sources = {{"files", envoy::TableSource::kFiles},
                                                             {"rest", envoy::TableSource::kRest}};
  command->add_option("--tables", flags->tables, "Where the routing table comes from")
      ->check(CLI::IsMember({"files", "rest"}))
      ->option_text("files|rest [files]");
  command
      ->add_option("--folder", flags->folder,
                   "Of the files that the agent keeps [/var/lib/zoetrope/NAME]")
      ->type_name("DIR");
  command
      ->add_option("--listen", flags->listen_host,
                   "For users and regions on this address, not on the one of the admin interface")
      ->type_name("IP");
  command
      ->add_option("--callers", flags->callers,
                   "Who sends: anybody, or our job submitters, who may have jobs delayed")
      ->check(CLI::IsMember({"users", "submitters"}))
      ->option_text("users|submitters [users]");
  add_retry_flags(*command, *flags);
  return {command, [flags] { return run(*flags); }};
}

}  // namespace zoetrope::apps

// zoetrope traffic allow: overrides a refusal of the manager.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "apps/exit_code.h"
#include "apps/fleet/traffic.h"
#include "apps/json_output.h"
#include "traffic/control/http_client.h"

namespace zoetrope::apps {
namespace {

namespace control = traffic::control;

struct Flags {
  std::string refusal;
  std::string manager = "127.0.0.1:17000";
  bool json = false;
};

constexpr const char* kFooter = R"(
The manager refuses changes that look like a mistake: a region without endpoints, or
one that loses more than 30 % of them at once. Its status page names each refusal.
Allowing one lets that very change through with the next epoch.

Examples:
  zoetrope traffic allow use1-12
  zoetrope traffic allow use1-12 --manager 10.0.0.1:17000

Exit status: 0 allowed, 1 failed, 2 wrong usage.)";

int run(const Flags& flags) {
  const Output output = flags.json ? Output::kJson : Output::kText;
  const auto manager = control::parse_address(flags.manager);
  if (!manager.ok()) return fail_usage(manager.status().with_context("manager"), output);
  const std::string body = nlohmann::json{{"refusal", flags.refusal}}.dump();
  const auto reply = control::fetch({*manager, "/v1/override", body}, std::chrono::seconds(5));
  const auto done = control::body_of(reply, *manager);
  if (!done.ok()) return fail(done.status(), output);
  if (flags.json) {
    print_json({{"allowed", flags.refusal}});
  } else {
    std::printf("%s is let through with the next epoch\n", flags.refusal.c_str());
  }
  return kExitFine;
}

}  // namespace

Command add_traffic_allow(CLI::App& traffic) {
  CLI::App* command =
      traffic.add_subcommand("allow", "Let a change through that the manager refuses");
  command->footer(kFooter);
  const auto flags = std::make_shared<Flags>();
  command->add_option("REFUSAL", flags->refusal, "Its id, from the status page")->required();
  command->add_option("--manager", flags->manager, "Where it runs")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  command->add_flag("--json", flags->json, "Print a JSON object");
  return {command, [flags] { return run(*flags); }};
}

}  // namespace zoetrope::apps

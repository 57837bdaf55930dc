// zoetrope traffic demo: a small fleet on this machine, and a scripted day of it.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "apps/exit_code.h"
#include "apps/fleet/traffic.h"
#include "apps/interrupt.h"
#include "apps/json_output.h"
#include "apps/progress_view.h"
#include "base/temporary_folder.h"
#include "rehearsal/script.h"

namespace zoetrope::apps {
namespace {

struct Flags {
  std::string folder;
  std::string envoy = ZOETROPE_ENVOY;
  std::string prometheus = "prometheus";
  rehearsal::Acts acts = rehearsal::Acts::kAll;
  double pace = 1;
  uint64_t seed = 1;
  bool no_prometheus = false;
  bool json = false;
};

constexpr const char* kFooter = R"(
Starts four regions on loopback (an Envoy, an agent and 25 workers that only pretend
each), the manager and Prometheus, prints where their pages are, and plays a day: one
region is pushed to 1.8 times its capacity and spills ring by ring, the manager is
killed for a minute, a region goes dark. Then a retry storm, with careless clients
and with smear and kept back-off. What happened is compared with the simulator.
About five minutes; processor time matters, so leave the machine alone meanwhile.

Exit codes: 0 every gate holds, 1 one does not or something did not start, 2 the
command line is wrong.

Examples:
  zoetrope traffic demo
  zoetrope traffic demo --act day --pace 3     a slower day, to watch the pages
  zoetrope traffic demo --json > rehearsal.json)";

bool is_installed(const std::string& program) {
  if (program.find('/') != std::string::npos) return access(program.c_str(), X_OK) == 0;
  const char* path = std::getenv("PATH");
  std::stringstream folders(path != nullptr ? path : "");
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (access((folder + "/" + program).c_str(), X_OK) == 0) return true;
  }
  return false;
}

void say_where(const rehearsal::Cluster& cluster) {
  fmt::print(stderr, "status page  {}\n", cluster.manager_url());
  if (!cluster.prometheus_url().empty()) {
    fmt::print(stderr, "Prometheus   {}\n", cluster.prometheus_url());
  }
  for (int r = 0; r < cluster.regions(); ++r) {
    fmt::print(stderr, "{:<12} {}\n", cluster.plan().regions[static_cast<size_t>(r)].name,
               cluster.ingress_url(r));
  }
}

int run(const Flags& flags) {
  const Output output = flags.json ? Output::kJson : Output::kText;
  // Ours, and removed by us, where none is named.
  std::optional<base::TemporaryFolder> temporary;
  if (flags.folder.empty()) temporary.emplace("zoetrope-demo");
  if (!is_installed(flags.envoy)) {
    return fail(base::not_found(flags.envoy + ": no Envoy there; ./test installs it, or name one "
                                              "with --envoy"),
                output);
  }
  rehearsal::ScriptOptions options;
  options.acts = flags.acts;
  options.pace = flags.pace;
  options.cluster.folder = temporary ? temporary->path() : std::filesystem::absolute(flags.folder);
  options.cluster.envoy = flags.envoy;
  const bool with_prometheus = !flags.no_prometheus && is_installed(flags.prometheus);
  if (!with_prometheus && !flags.no_prometheus) {
    warn(flags.prometheus + " is not installed: the demo goes on without it");
  }
  options.cluster.prometheus = with_prometheus ? flags.prometheus : "";
  options.cluster.seed = flags.seed;
  options.cluster.zoetrope = "/proc/self/exe";
  const InterruptGuard interrupt;
  const auto view = make_progress_view(flags.json ? ProgressStyle::kQuiet : ProgressStyle::kAuto);
  rehearsal::Onlooker onlooker;
  onlooker.stop = interrupt.token();
  onlooker.progress = [&](const base::Progress& at) { view->update(at); };
  onlooker.started = [&](const rehearsal::Cluster& cluster) {
    view->finish("");
    say_where(cluster);
  };
  const auto found = rehearsal::rehearse(options, onlooker);
  view->finish("");
  if (!found.ok()) return fail(found.status(), output);
  if (flags.json) {
    print_json(to_json(*found));
  } else {
    fmt::print("{}", to_text(*found));
  }
  return found->passed() ? kExitFine : kExitFailed;
}

}  // namespace

Command add_traffic_demo(CLI::App& traffic) {
  CLI::App* command =
      traffic.add_subcommand("demo", "Rehearse a day of a small fleet on this machine");
  command->footer(kFooter);
  const auto flags = std::make_shared<Flags>();
  const std::map<std::string, rehearsal::Acts> acts = {{"all", rehearsal::Acts::kAll},
                                                       {"day", rehearsal::Acts::kDay},
                                                       {"storm", rehearsal::Acts::kStorm}};
  command->add_option("--act", flags->acts, "What to play")
      ->transform(CLI::CheckedTransformer(acts))
      ->type_name("all|day|storm");
  command->add_option("--pace", flags->pace, "Length of the phases; 1 is five minutes in all")
      ->check(CLI::Range(0.1, 100.0))
      ->capture_default_str();
  command->add_option("--seed", flags->seed, "Of arrivals, service times and back-off")
      ->capture_default_str();
  command->add_option("--folder", flags->folder, "Keep files and logs here")->type_name("DIR");
  command->add_option("--envoy", flags->envoy, "Envoy 1.40; installed by ./test")
      ->type_name("FILE");
  command->add_option("--prometheus", flags->prometheus, "Prometheus")->type_name("FILE");
  command->add_flag("--no-prometheus", flags->no_prometheus, "Do without Prometheus");
  command->add_flag("--json", flags->json, "Print one JSON object");
  return {command, [flags] { return run(*flags); }};
}

}  // namespace zoetrope::apps

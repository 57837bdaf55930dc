#include "rehearsal/plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "rehearsal/free_ports.h"

namespace zoetrope::rehearsal {
namespace {

// Round trips in ms between the regions of make_plan().
constexpr double kRtt[4][4] = {
    {0, 20, 65, 80}, {20, 0, 60, 95}, {65, 60, 0, 140}, {80, 95, 140, 0}};

std::string quoted_ports(const std::vector<uint16_t>& ports) {
  std::vector<std::string> words;
  words.reserve(ports.size());
  for (const uint16_t port : ports) words.push_back(fmt::format("\"127.0.0.1:{}\"", port));
  return fmt::format("[{}]", fmt::join(words, ", "));
}

}  // namespace

base::Result<Plan> make_plan(int workers) {
  Plan plan;
  plan.regions.resize(4);
  const char* const names[] = {"use1", "use2", "usw2", "euw1"};
  const char* const continents[] = {"america", "america", "america", "europe"};
  ZT_ASSIGN_OR_RETURN(const std::vector<uint16_t> ports, free_ports(4 * (3 + workers) + 2));
  auto next = ports.begin();
  for (size_t r = 0; r < 4; ++r) {
    RegionPlan& region = plan.regions[r];
    region.name = names[r];
    region.continent = continents[r];
    region.ingress = *next++;
    region.import = *next++;
    region.admin = *next++;
    region.workers.assign(next, next + workers);
    next += workers;
  }
  plan.manager = *next++;
  plan.prometheus = *next++;
  return plan;
}

std::string fleet_toml(const Plan& plan, const Options& options) {
  std::string text = fmt::format(
      "[manager]\nlisten = \"127.0.0.1:{}\"\nstate = \"manager\"\nepoch_seconds = {:.3f}\n\n"
      // A sixteenth of the usual number of GPUs: arrivals are four times as uneven, so demand is
      // smoothed more.
      "[policy]\ndemand_rise = 0.2\n\n"
      "[[tiers]]\nname = \"worker\"\nlimit = 0.88\nprior_seconds = {:.3f}\n",
      plan.manager, std::chrono::duration<double>(options.epoch).count(),
      std::chrono::duration<double>(options.service.mean).count());
  for (const RegionPlan& region : plan.regions) {
    text += fmt::format(
        "\n[[regions]]\nname = \"{}\"\ncontinent = \"{}\"\ningress = \"127.0.0.1:{}\"\n"
        "import = \"127.0.0.1:{}\"\ngateways = [\"127.0.0.1:{}\"]\nworkers = {}\n",
        region.name, region.continent, region.ingress, region.import, region.admin,
        quoted_ports(region.workers));
  }
  for (size_t a = 0; a + 1 < plan.regions.size(); ++a) {
    text += fmt::format("\n[rtt_ms.{}]\n", plan.regions[a].name);
    for (size_t b = a + 1; b < plan.regions.size(); ++b) {
      text += fmt::format("{} = {}\n", plan.regions[b].name, kRtt[a][b]);
    }
  }
  return text;
}

std::string prometheus_yaml(const Plan& plan) {
  std::string text = fmt::format(
      "global:\n  scrape_interval: 2s\nscrape_configs:\n"
      "- job_name: manager\n  static_configs:\n  - targets: [\"127.0.0.1:{}\"]\n",
      plan.manager);
  text += "- job_name: gateways\n  metrics_path: /stats/prometheus\n  static_configs:\n";
  for (const RegionPlan& region : plan.regions) {
    text += fmt::format("  - targets: [\"127.0.0.1:{}\"]\n    labels: {{region: {}}}\n",
                        region.admin, region.name);
  }
  text += "- job_name: workers\n  static_configs:\n";
  for (const RegionPlan& region : plan.regions) {
    text += fmt::format("  - targets: {}\n    labels: {{region: {}}}\n",
                        quoted_ports(region.workers), region.name);
  }
  return text;
}

}  // namespace zoetrope::rehearsal

#include "rehearsal/plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <deque>

namespace zoetrope::rehearsal {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

// Round trips in ms between the regions of make_plan().
constexpr double kRtt[4][4] = {
    {0, 20, 65, 80}, {20, 0, 60, 95}, {65, 60, 0, 140}, {80, 95, 140, 0}};

// Held until all are known, so that none comes twice.
base::Result<std::vector<uint16_t>> free_ports(int count) {
  asio::io_context io;
  std::deque<tcp::acceptor> held;
  std::vector<uint16_t> ports;
  for (int i = 0; i < count; ++i) {
    boost::system::error_code error;
    tcp::acceptor& acceptor = held.emplace_back(io);
    acceptor.open(tcp::v4(), error);
    if (!error) acceptor.bind({asio::ip::address_v4::loopback(), 0}, error);
    if (error) return base::unavailable("no free port: " + error.message());
    ports.push_back(acceptor.local_endpoint().port());
  }
  return ports;
}

std::string quoted_ports(const std::vector<uint16_t>& ports) {
  std::vector<std::string> words;
  words.reserve(ports.size());
  for (const uint16_t port : ports) words.push_back(fmt::format("\"127.0.0.1:{}\"", port));
  return fmt::format("[{}]", fmt::join(words, ", "));
}

}  // namespace

base::Result<Plan> make_plan() {
  Plan plan;
  plan.regions.resize(4);
  const char* const names[] = {"use1", "use2", "usw2", "euw1"};
  const char* const continents[] = {"america", "america", "america", "europe"};
  ZT_ASSIGN_OR_RETURN(const std::vector<uint16_t> ports, free_ports(3 * 4 + 2));
  for (size_t r = 0; r < 4; ++r) {
    RegionPlan& region = plan.regions[r];
    region.name = names[r];
    region.continent = continents[r];
    region.ingress = ports[3 * r];
    region.import = ports[3 * r + 1];
    region.admin = ports[3 * r + 2];
  }
  plan.manager = ports[12];
  plan.prometheus = ports[13];
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

#include "traffic/control/scraper.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "traffic/control/observer.h"

namespace zoetrope::traffic::control {
namespace {

using base::Result;

// text_readouts: the version of the table in force is a text. The filter is a regular expression on
// Envoy's own names; what it leaves is 2 kB of 130.
constexpr const char* kGatewayTarget =
    "/stats/prometheus?text_readouts&filter="
    "(downstream_rq_total|%5Ecluster%5C.pool.*(zone|membership|version_text))";

std::string percent_encoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (plain || c == '_' || c == '.') {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

class Scraper {
 public:
  explicit Scraper(const FleetConfig& config)
      : patience_(config.manager.scrape_timeout), wanted_(wanted_series(config)) {
    for (const RegionConfig& region : config.region_configs) servers_.push_back(region.prometheus);
    const bool of_gateways =
        std::any_of(config.tier_metrics.begin(), config.tier_metrics.end(),
                    [](const TierMetrics& tier) { return tier.source == TierSource::kGateways; });
    if (of_gateways) gateway_target_ = "/stats/prometheus?text_readouts";
  }

  std::vector<Scrape> operator()(const std::vector<Target>& targets, Time now) const {
    std::vector<HttpRequest> requests;
    std::vector<Target> direct;
    std::map<Address, std::vector<Target>> remembered;
    for (const Target& target : targets) {
      if (const Address& server = servers_[target.region]; server.port != 0) {
        remembered[server].push_back(target);
        continue;
      }
      direct.push_back(target);
      const bool gateway = target.kind == TargetKind::kGateway;
      requests.push_back({target.address, gateway ? gateway_target_ : "/metrics", {}});
    }
    for (const auto& [server, its] : remembered) {
      requests.push_back({server, prometheus_target(wanted_), {}});
    }
    std::vector<Result<HttpReply>> replies = fetch_all(requests, patience_);
    const auto unix_now = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::system_clock::now().time_since_epoch());
    std::vector<Scrape> scrapes;
    for (size_t i = 0; i < direct.size(); ++i) {
      // Rates are over the time between two answers, not between two epochs.
      const Time taken = replies[i].ok() ? now + replies[i]->after : now;
      const auto text = body_of(std::move(replies[i]), direct[i].address);
      scrapes.push_back({direct[i],
                         text.ok() ? parse_metrics(*text, to_string(direct[i].address), wanted_)
                                   : Result<std::vector<Sample>>(text.status()),
                         taken});
    }
    size_t next = direct.size();
    for (const auto& [server, its] : remembered) {
      auto found = remembered_scrapes(its, body_of(std::move(replies[next++]), server), server, now,
                                      unix_now);
      std::move(found.begin(), found.end(), std::back_inserter(scrapes));
    }
    return scrapes;
  }

 private:
  std::chrono::milliseconds patience_;
  Names wanted_;
  std::vector<Address> servers_;
  std::string gateway_target_ = kGatewayTarget;
};

}  // namespace

Fetch make_fetch(const FleetConfig& config) { return Scraper(config); }

std::string prometheus_target(const Names& series) {
  std::string names;
  for (const std::string& name : series) names += (names.empty() ? "" : "|") + name;
  // A range gives samples with their own times, where an instant would give all of them now's.
  return "/api/v1/query?query=" + percent_encoded("{__name__=~\"" + names + "\"}[1m]");
}

std::vector<Scrape> remembered_scrapes(const std::vector<Target>& targets,
                                       Result<std::string> reply, const Address& server, Time now,
                                       std::chrono::milliseconds unix_now) {
  Result<std::map<std::string, RememberedTarget>> found =
      reply.ok() ? parse_prometheus_reply(*reply, to_string(server))
                 : Result<std::map<std::string, RememberedTarget>>(reply.status());
  std::vector<Scrape> scrapes;
  for (const Target& target : targets) {
    if (!found.ok()) {
      scrapes.push_back({target, found.status(), now});
      continue;
    }
    const auto one = found->find(to_string(target.address));
    if (one == found->end()) {
      scrapes.push_back({target,
                         base::not_found(fmt::format("{}: knows nothing of {}", to_string(server),
                                                     to_string(target.address))),
                         now});
      continue;
    }
    const Time age = std::max(Time(0), Time(unix_now - one->second.time));
    scrapes.push_back({target, std::move(one->second.samples), now - age});
  }
  return scrapes;
}

}  // namespace zoetrope::traffic::control

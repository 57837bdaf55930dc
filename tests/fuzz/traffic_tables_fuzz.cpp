// Tables from outside: a manager's file or another manager's answer, what an agent gets, and the
// fleet's configuration; the first byte picks which.
#include <cstdint>

#include "fuzz_check.h"
#include "traffic/control/agent.h"
#include "traffic/control/fleet_config.h"
#include "traffic/control/publication.h"
#include "traffic/control/xds_documents.h"

namespace {

using namespace zoetrope;
namespace control = traffic::control;

void check_publication(std::string_view text) {
  const auto publication = control::parse_publication(text, "p");
  if (!publication.ok()) return fuzz::check_refusal(publication.status());
  fuzz::check(publication->version >= 1, "a version below 1");
  const int count = static_cast<int>(publication->regions.size());
  fuzz::check(traffic::policy::validate(publication->table, count).ok(), "a table that is none");
  const auto again = control::parse_publication(control::to_json(*publication), "again");
  fuzz::check(again.ok() && again->says_the_same(*publication), "does not survive its JSON");
  for (int r = 0; r < count; ++r) {
    const auto document = control::discovery_response(*publication, r, control::kPoolResource);
    fuzz::check(document.has_value(), "no document");
  }
}

void check_config(std::string_view text) {
  const auto config = control::parse_fleet_config(text, "fleet.toml", "/");
  if (!config.ok()) return fuzz::check_refusal(config.status());
  fuzz::check(config->regions.size() == static_cast<int>(config->region_configs.size()), "regions");
  fuzz::check(config->tier_metrics.size() == config->policy.tiers.size(), "tiers");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      check_publication(text);
      break;
    case 1:
      for (const auto resource : {control::kPoolResource, control::kRuntimeResource}) {
        const auto version = control::check_document(text, resource, "use1");
        if (!version.ok()) fuzz::check_refusal(version.status());
      }
      break;
    case 2:
      if (const auto workers = control::parse_workers(text, "w"); !workers.ok()) {
        fuzz::check_refusal(workers.status());
      }
      break;
    default:
      check_config(text);
  }
  return 0;
}

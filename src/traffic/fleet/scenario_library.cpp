#include "traffic/fleet/scenario_library.h"

#include "media/file.h"

namespace zoetrope::traffic::fleet {

std::vector<Scenario> shipped(Size size) {
  std::vector<Scenario> scenarios;
  for (const ShippedScenario& scenario : shipped_scenarios()) {
    scenarios.push_back(read_scenario(scenario.text, scenario.file, size).value_or_throw());
  }
  return scenarios;
}

base::Result<Scenario> open_scenario(const std::string& name_or_path, Size size) {
  constexpr int64_t kMaxBytes = 1 << 20;
  std::string known;
  for (Scenario& scenario : shipped(size)) {
    if (scenario.name == name_or_path) return std::move(scenario);
    known += " " + scenario.name;
  }
  const auto bytes = media::read_file(name_or_path, kMaxBytes);
  if (!bytes.ok()) {
    return bytes.status().with_context("neither a file nor one of" + known);
  }
  return read_scenario({reinterpret_cast<const char*>(bytes->data()), bytes->size()}, name_or_path,
                       size);
}

}  // namespace zoetrope::traffic::fleet

// The scenarios that come with Zoetrope, "S0" to "S10", built into the library.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "traffic/fleet/scenario_file.h"

namespace zoetrope::traffic::fleet {

struct ShippedScenario {
  std::string_view file;  // "s0_fixed_point.toml"
  std::string_view text;
};
const std::vector<ShippedScenario>& shipped_scenarios();

// All of them, read.
std::vector<Scenario> shipped(Size size = Size::kFull);

// By name ("S4"), or from a file.
base::Result<Scenario> open_scenario(const std::string& name_or_path, Size size = Size::kFull);

}  // namespace zoetrope::traffic::fleet

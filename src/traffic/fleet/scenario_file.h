// Scenarios as TOML. Complaints name file, line and field.
//
// [[arm]] repeats any table of the scenario with what differs; a list given there replaces the
// scenario's. [slice] does the same for a smaller run of it that a test can afford.
#pragma once

#include <string_view>

#include "base/result.h"
#include "traffic/fleet/scenario.h"

namespace zoetrope::traffic::fleet {

enum class Size { kFull, kSlice };

base::Result<Scenario> read_scenario(std::string_view text, std::string_view source,
                                     Size size = Size::kFull);

}  // namespace zoetrope::traffic::fleet

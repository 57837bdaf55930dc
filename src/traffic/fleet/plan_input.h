// What a plan is made from, read from files: the demand forecast (CSV) and the measured service
// time (JSON of `zoetrope bench`). Complaints name file and line, or file and field.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "traffic/fleet/plan.h"

namespace zoetrope::traffic::fleet {

// A header line, then region, hour (UTC, 0 to 23), requests_per_s; columns in any order. Regions
// are the simulator's cities (world.h), or have the columns latitude, longitude and continent. An
// hour that is not there has no demand; the same region and hour twice is an error.
base::Result<Forecast> read_forecast(std::string_view text, std::string_view source);

// {"stages": {"whole clip": {"median_seconds", "least_seconds", "most_seconds"}, ...}, "runs": n};
// without a stage for the whole the stages are added up. The spread of the runs gives the
// variation, at least 5 %: five runs on one picture see less than users bring.
base::Result<Service> read_service(std::string_view text, std::string_view source);

}  // namespace zoetrope::traffic::fleet

// A plan as a table, as JSON and as a page.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "traffic/fleet/plan.h"
#include "traffic/fleet/plan_check.h"

namespace zoetrope::traffic::fleet {

// What the words of all three come from.
struct PlanReport {
  Plan plan;
  PlanCheck check;
  PlanOptions options;
  Service service;
  double confidence = 0.95;
};

std::string plan_text(const PlanReport& report);
nlohmann::json plan_json(const PlanReport& report);
std::string plan_page(const PlanReport& report);

}  // namespace zoetrope::traffic::fleet

// What a campaign found, for a terminal and for machines.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "traffic/fleet/campaign.h"

namespace zoetrope::traffic::fleet {

// A table of the arms, phase by phase, and the gates.
std::string as_text(const CampaignResult& result);

nlohmann::json as_json(const std::vector<CampaignResult>& results);

}  // namespace zoetrope::traffic::fleet

// The figures of the shipped scenarios, and those of any other. Pure.
#pragma once

#include <vector>

#include "traffic/fleet/campaign.h"
#include "traffic/fleet/figure.h"

namespace zoetrope::traffic::fleet {

std::vector<Figure> figures_of(const CampaignResult& result);

}  // namespace zoetrope::traffic::fleet

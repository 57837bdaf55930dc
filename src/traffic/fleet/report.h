// The report on a set of scenarios: one HTML file with its figures inline, and the figures as PNG.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/status.h"
#include "traffic/fleet/campaign.h"

namespace zoetrope::traffic::fleet {

std::string report_page(const std::vector<CampaignResult>& results);

// Writes the main figures to `folder` as ID.png.
base::Status write_plots(const std::vector<CampaignResult>& results,
                         const std::filesystem::path& folder);

}  // namespace zoetrope::traffic::fleet

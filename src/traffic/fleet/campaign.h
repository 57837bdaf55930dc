// A scenario run: every arm with several seeds, spread over the processor's cores, and its gates
// judged. What is printed, plotted and tested comes from here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/progress.h"
#include "base/result.h"
#include "traffic/fleet/result.h"
#include "traffic/fleet/scenario.h"

namespace zoetrope::traffic::fleet {

struct Estimate {
  double mean = 0;
  double half_width = 0;  // of the 95 % confidence interval over seeds; 0 for one seed
};

struct GateResult {
  std::string text;  // "kept: success in after >= 0.99: 1.0000"
  bool passed = false;
};

struct ArmResult {
  Arm arm;
  std::vector<RunResult> runs;  // by seed

  Estimate metric(std::string_view name, std::string_view phase = {}) const;
};

struct CampaignResult {
  Scenario scenario;
  std::vector<ArmResult> arms;
  std::vector<GateResult> gates;
  int64_t events = 0;
  double core_seconds = 0;

  bool passed() const;
  const ArmResult& arm(std::string_view name) const;  // must exist
};

struct CampaignOptions {
  uint64_t seed = 1;  // of the first run; the others follow
  base::ProgressSink progress;
  base::CancelToken cancel;
};

base::Result<CampaignResult> run_campaign(const Scenario& scenario, const CampaignOptions& options);

}  // namespace zoetrope::traffic::fleet

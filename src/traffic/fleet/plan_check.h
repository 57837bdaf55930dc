// The simulator's word on a plan: the fleet of the plan in its busiest hour, and how sure one can
// be that it holds the target. Where it does not, the plan grows until it does.
#pragma once

#include "base/cancel.h"
#include "base/progress.h"
#include "base/result.h"
#include "traffic/fleet/plan.h"

namespace zoetrope::traffic::fleet {

struct PlanCheckOptions {
  double confidence = 0.95;
  uint64_t seed = 1;
  base::ProgressSink progress;
  base::CancelToken cancel;
};

struct PlanCheck {
  bool confirmed = false;
  double success = 0;      // mean over seeds
  double lower_bound = 0;  // one-sided, at the confidence asked for
  double worst_region = 0;
  double home_share = 0;
  double overhead_p99_s = 0;
  double alone_success = 0;  // the same hour with every region on its own plan
  double added = 0;          // GPUs beyond the model's, relative
  int seeds = 0;
  int64_t jobs = 0;  // simulated, in the last round
};

// Enlarges plan.shared and its regions where needed: by 2 % a round, by 20 % at most.
base::Result<PlanCheck> check_plan(Plan& plan, const Forecast& forecast, const Service& service,
                                   const PlanOptions& options, const PlanCheckOptions& check);

// Quantile of Student's distribution.
double student_quantile(double p, int freedom);

}  // namespace zoetrope::traffic::fleet

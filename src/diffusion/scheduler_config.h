// A Scheduler from a checkpoint's scheduler/scheduler_config.json, in the words of diffusers.
//
// `_class_name`: DDIMScheduler, DPMSolverMultistepScheduler, UniPCMultistepScheduler or
// FlowMatchEulerDiscreteScheduler. Missing fields take that class's defaults; fields of other
// classes, which such files often carry, are ignored. Fields of our own:
//
//   beta_schedule "continuous_cosine"  alpha = cos(pi t / 2), t from 1 to 0; with `time_shift`
//                                      (default 1): t' = s t / (1 + (s - 1) t)
//   log_snr_grid "paper"|"diffusers"   nodes uniform in log-SNR; "diffusers" = use_lu_lambdas
//   lambda_start, lambda_end           see GridOptions
//   flow_nodes "default"|"even"        of FlowMatchEulerDiscreteScheduler, see FlowNodes
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "diffusion/scheduler.h"

namespace zoetrope::diffusion {

// Throws Error(kInvalidArgument) naming the field for a value we do not know, kUnimplemented for
// one we know but do not offer (thresholding, stochastic solvers, learned variance, ...).
std::unique_ptr<const Scheduler> make_scheduler(const nlohmann::json& config);

// The same from the text of the file. Python writes -Infinity where JSON has no word for it; that
// is understood.
std::unique_ptr<const Scheduler> parse_scheduler(std::string_view text);

}  // namespace zoetrope::diffusion

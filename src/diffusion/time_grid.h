// The steps of one sampling run: at which levels the network is asked, and where each step ends.
// Built once per request from a schedule; plain data.
#pragma once

#include <optional>
#include <vector>

#include "diffusion/noise_schedule.h"

namespace zoetrope::diffusion {

struct GridStep {
  double timestep = 0.0;  // what the network is told
  NoiseLevel from;
  NoiseLevel to;  // the next step's `from`, except in some DDIM grids of diffusers
};
using Grid = std::vector<GridStep>;

// How diffusers spreads whole timesteps over the table (table 2 of arXiv 2305.08891).
enum class Spacing { kLeading, kTrailing, kLinspace };

// Where the nodes of a multistep run lie.
enum class Placement {
  kUniformTime,
  kKarras,           // arXiv 2206.00364, rho = 7
  kLogSnrDiffusers,  // N nodes uniform in log-SNR, then a jump to the end (`use_lu_lambdas`)
  kLogSnrPaper,      // N + 1 nodes uniform in log-SNR, the last being the end (arXiv 2206.00927)
};

enum class FinalSigma { kZero, kSigmaMin };

struct GridOptions {
  Placement placement = Placement::kUniformTime;
  FinalSigma final_sigma = FinalSigma::kZero;  // kLogSnrPaper has its own end
  // Table schedules only.
  Spacing spacing = Spacing::kLinspace;
  int steps_offset = 0;
  std::optional<double> lambda_min_clipped =
      std::nullopt;                 // uniform time starts where lambda reaches this
  bool truncate_timesteps = false;  // kKarras, kLogSnrDiffusers: cut to whole numbers, not rounded
  // Zero terminal SNR with nodes placed by noise level (always on the cosine schedule, on a table
  // for kLogSnrPaper): the first step jumps from alpha = 0 to lambda_start, exactly, by DDIM; the
  // others lie between lambda_start and lambda_end (tables: their first entry).
  double lambda_start = -4.0;
  double lambda_end = 5.0;
};

// Throws Error(kInvalidArgument) for a number of steps the schedule cannot give (below 1, or more
// than the table holds). `trailing` with lambda_min_clipped may give fewer steps, as in diffusers.
Grid make_grid(const DiscreteSchedule& schedule, const GridOptions& options, int steps);
Grid make_grid(const CosineSchedule& schedule, const GridOptions& options, int steps);

// DDIM has its own spacing rules and, on a table, its own idea of the next level: num_train /
// steps entries down. `final_level_is_clean`: diffusers' set_alpha_to_one.
Grid make_ddim_grid(const DiscreteSchedule& schedule, Spacing spacing, int steps_offset,
                    bool final_level_is_clean, int steps);

// Flow matching as three schedulers of diffusers place it; they differ in where sigma starts.
// kEven: steps / steps, .., 1 / steps before the shift, which FLUX's pipeline asks its Euler
// scheduler for.
enum class FlowNodes { kEuler, kEven, kDpmSolver, kUniPc };
Grid make_flow_grid(const FlowSchedule& schedule, FlowNodes nodes, std::optional<double> mu,
                    int steps);

// Variance-preserving levels in order of falling noise, the last being the end: for tests and
// experiments. Timesteps are the lambdas.
Grid make_lambda_grid(const std::vector<double>& lambdas);

}  // namespace zoetrope::diffusion

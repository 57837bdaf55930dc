// How far a few steps of each solver end from where infinitely many would: the error of sampling
// alone, on the model's own guided field.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/progress.h"
#include "bench/workbench.h"

namespace zoetrope::bench {

struct SolverCurve {
  std::string solver;  // "DDIM", "DPM++ 2M", "DPM++ 3M", "UniPC 2"
  std::string grid;    // "uniform t", "log-SNR"
  std::vector<int> steps;
  std::vector<double> error;  // |x - x*|_2 / |x*|_2 of the latents, root mean square over scenes
};

struct SolverStudy {
  int converged_steps = 0;  // of UniPC 2 in uniform t, which gives x*
  // Distance of DPM++ 2M with as many steps from x*: errors near it say nothing.
  double resolution = 0;
  std::vector<SolverCurve> curves;
};

SolverStudy study_solvers(Workbench& bench, std::span<const Question> questions,
                          std::span<const int> steps, int converged_steps,
                          const base::ProgressSink& progress, const base::CancelToken& cancel);

}  // namespace zoetrope::bench

#include "bench/solver_study.h"

#include <ATen/ATen.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "pipeline/step_runner.h"
#include "tensor/tensor.h"

namespace zoetrope::bench {
namespace {

using nlohmann::json;

struct Solver {
  const char* name;
  json fields;
};

std::vector<Solver> solvers() {
  const auto dpm = [](int order) {
    return json{{"_class_name", "DPMSolverMultistepScheduler"},
                {"algorithm_type", "dpmsolver++"},
                {"solver_type", "midpoint"},
                {"solver_order", order}};
  };
  return {
      {"DDIM", dpm(1)},  // the same formula
      {"DPM++ 2M", dpm(2)},
      {"DPM++ 3M", dpm(3)},
      {"UniPC 2",
       {{"_class_name", "UniPCMultistepScheduler"}, {"solver_type", "bh2"}, {"solver_order", 2}}}};
}

struct Placement {
  const char* name;
  json log_snr_grid;  // null: uniform in time
};

const Placement kUniform = {"uniform t", nullptr};
const Placement kPlacements[] = {kUniform, {"log-SNR", "paper"}};

class Study {
 public:
  Study(Workbench& bench, std::span<const Question> questions, const base::CancelToken& cancel)
      : bench_(bench),
        cancel_(cancel),
        runner_(bench.components.dtype, bench.components.device,
                pipeline::default_batching(bench.components.device)) {
    uint64_t seed = 0;
    for (const Question& question : questions) {
      scenes_.push_back(make_scene(bench, question, 1, seed++));
    }
  }

  // The latents of every scene, fp64.
  std::vector<at::Tensor> solve(const Solver& solver, const Placement& placement, int steps) {
    json fields = solver.fields;
    fields.update({{"log_snr_grid", placement.log_snr_grid},
                   {"use_karras_sigmas", nullptr},
                   {"use_lu_lambdas", nullptr}});
    bench_.components.teacher.scheduler = solver_of(bench_, fields);
    std::vector<at::Tensor> ends;
    for (Scene& scene : scenes_) {
      cancel_.check();
      scene.noise.facts["steps"] = steps;
      pipeline::DenoiseSession session = session_of(bench_, scene);
      runner_.run(session);
      ends.push_back(session.latents().to(at::kDouble));
    }
    return ends;
  }

 private:
  Workbench& bench_;
  const base::CancelToken& cancel_;
  pipeline::StepRunner runner_;
  std::vector<Scene> scenes_;
};

double distance(const std::vector<at::Tensor>& ends, const std::vector<at::Tensor>& exact) {
  double sum = 0;
  for (size_t i = 0; i < ends.size(); ++i) {
    const double error = tensor::relative_l2(ends[i], exact[i]);
    sum += error * error / static_cast<double>(ends.size());
  }
  return std::sqrt(sum);
}

}  // namespace

SolverStudy study_solvers(Workbench& bench, std::span<const Question> questions,
                          std::span<const int> steps, int converged_steps,
                          const base::ProgressSink& progress, const base::CancelToken& cancel) {
  const std::vector<Solver> all = solvers();
  Study study(bench, questions, cancel);
  const std::vector<at::Tensor> exact = study.solve(all.back(), kUniform, converged_steps);
  SolverStudy result{.converged_steps = converged_steps,
                     .resolution = distance(study.solve(all[1], kUniform, converged_steps), exact),
                     .curves = {}};
  const auto runs = static_cast<int64_t>(all.size() * std::size(kPlacements) * steps.size());
  int64_t done = 0;
  for (const Placement& placement : kPlacements) {
    for (const Solver& solver : all) {
      SolverCurve curve{.solver = solver.name, .grid = placement.name, .steps = {}, .error = {}};
      for (const int count : steps) {
        curve.steps.push_back(count);
        curve.error.push_back(distance(study.solve(solver, placement, count), exact));
        base::report(progress, "solvers", ++done, runs);
      }
      result.curves.push_back(std::move(curve));
    }
  }
  return result;
}

}  // namespace zoetrope::bench

#include "diffusion/time_grid.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/status.h"

namespace zoetrope::diffusion {
namespace {

struct Node {
  double timestep;
  NoiseLevel level;
};

// Steps from every node to the one after it; the last node is where sampling ends.
Grid chain(const std::vector<Node>& nodes) {
  Grid grid;
  for (size_t i = 0; i + 1 < nodes.size(); ++i) {
    grid.push_back({nodes[i].timestep, nodes[i].level, nodes[i + 1].level});
  }
  return grid;
}

void require_steps(int steps, int most) {
  if (steps >= 1 && steps <= most) return;
  throw base::Error(
      base::StatusCode::kInvalidArgument,
      "steps: " + std::to_string(steps) + " is not between 1 and " + std::to_string(most));
}

constexpr int kMostSteps = 1000;  // of a continuous schedule: far beyond any use

// `count` values from first to last, as numpy's linspace rounds them.
std::vector<double> linspace(double first, double last, int count) {
  std::vector<double> values(count, first);
  const double step = count > 1 ? (last - first) / (count - 1) : 0.0;
  for (int i = 1; i < count; ++i) values[i] = first + i * step;
  if (count > 1) values.back() = last;
  return values;
}

// fp32 noise levels, as diffusers keeps them: the fixtures agree to the last digits only so.
double as_fp32(double value) { return static_cast<double>(static_cast<float>(value)); }

// log(sigma / alpha) of `count` nodes between two values of sigma / alpha, as Karras places them.
// Through pow, not exp: timesteps cut to whole numbers hang on the last bit of the first node.
std::vector<double> karras(double first_ratio, double last_ratio, int count) {
  constexpr double kRho = 7.0;
  std::vector<double> nodes =
      linspace(std::pow(first_ratio, 1.0 / kRho), std::pow(last_ratio, 1.0 / kRho), count);
  for (double& node : nodes) node = std::log(std::pow(node, kRho));
  return nodes;
}

// Whole timesteps, most noise first. The halves round to even, as numpy's do.
std::vector<int> uniform_timesteps(const DiscreteSchedule& schedule, const GridOptions& options,
                                   int steps) {
  const int table = schedule.size();
  int last = table;  // one past the noisiest entry in use
  if (options.lambda_min_clipped) {
    const auto& ratios = schedule.ratios();
    while (last > 1 && -std::log(ratios[last - 1]) < *options.lambda_min_clipped) --last;
  }
  std::vector<int> timesteps;
  switch (options.spacing) {
    case Spacing::kLinspace:
      for (int i = steps; i >= 1; --i) {
        timesteps.push_back(
            static_cast<int>(std::nearbyint(i * (static_cast<double>(last - 1) / steps))));
      }
      break;
    case Spacing::kLeading:
      for (int i = steps; i >= 1; --i) {
        timesteps.push_back(i * (last / (steps + 1)) + options.steps_offset);
      }
      break;
    case Spacing::kTrailing: {
      const double stride = static_cast<double>(table) / steps;
      for (int i = 0; i < steps; ++i) {
        const int timestep = static_cast<int>(std::nearbyint(last - i * stride)) - 1;
        if (last - i * stride <= 0.0 || timestep < 0) break;
        timesteps.push_back(timestep);
      }
      break;
    }
  }
  return timesteps;
}

std::vector<Node> uniform_nodes(const DiscreteSchedule& schedule, const GridOptions& options,
                                int steps) {
  std::vector<Node> nodes;
  for (const int timestep : uniform_timesteps(schedule, options, steps)) {
    const int entry = std::clamp(timestep, 0, schedule.size() - 1);
    nodes.push_back({static_cast<double>(timestep), level_from_ratio(schedule.ratios()[entry])});
  }
  return nodes;
}

std::vector<Node> placed_nodes(const DiscreteSchedule& schedule, const GridOptions& options,
                               int steps) {
  const float first = schedule.ratios().back();
  const float last = schedule.ratios().front();
  const std::vector<double> log_ratios = options.placement == Placement::kKarras
                                             ? karras(first, last, steps)
                                             : linspace(std::log(first), std::log(last), steps);
  std::vector<Node> nodes;
  for (const double log_ratio : log_ratios) {
    const double time = schedule.time_of_log_ratio(log_ratio);
    nodes.push_back({options.truncate_timesteps ? std::trunc(time) : std::nearbyint(time),
                     level_from_ratio(as_fp32(std::exp(log_ratio)))});
  }
  return nodes;
}

Grid paper_grid(const DiscreteSchedule& schedule, const GridOptions& options, int steps) {
  const int table = schedule.size();
  const double lambda_end = schedule.level(0).lambda;
  std::vector<Node> nodes;
  double lambda_start = schedule.level(table - 1).lambda;
  int count = steps + 1;
  if (schedule.zero_terminal_snr()) {
    lambda_start = options.lambda_start;
    base::require(lambda_start > schedule.level(table - 2).lambda && lambda_start < lambda_end,
                  "lambda_start: outside the noise table");
    nodes.push_back({static_cast<double>(table - 1), schedule.level(table - 1)});
    --count;
  }
  for (const double lambda : linspace(lambda_start, lambda_end, count)) {
    nodes.push_back({schedule.time_of_lambda(lambda), level_from_lambda(lambda)});
  }
  return chain(nodes);
}

}  // namespace

Grid make_grid(const DiscreteSchedule& schedule, const GridOptions& options, int steps) {
  require_steps(steps, schedule.size() - 1);
  if (options.placement == Placement::kLogSnrPaper) return paper_grid(schedule, options, steps);
  std::vector<Node> nodes = options.placement == Placement::kUniformTime
                                ? uniform_nodes(schedule, options, steps)
                                : placed_nodes(schedule, options, steps);
  const bool to_zero = options.final_sigma == FinalSigma::kZero;
  nodes.push_back({0.0, level_from_ratio(to_zero ? 0.0 : schedule.ratios().front())});
  return chain(nodes);
}

Grid make_grid(const CosineSchedule& schedule, const GridOptions& options, int steps) {
  require_steps(steps, kMostSteps);
  std::vector<Node> nodes;
  if (options.placement == Placement::kUniformTime) {
    for (const double u : linspace(1.0, 0.0, steps + 1)) {
      const double t = schedule.shifted(u);
      nodes.push_back({schedule.timestep(t), cosine_level(t)});
    }
  } else {
    // The paper's grid ends at lambda_end; the others reach it one step earlier, then jump to zero.
    const bool paper = options.placement == Placement::kLogSnrPaper;
    const int count = paper ? steps : steps - 1;
    nodes.push_back({schedule.timestep(1.0), cosine_level(1.0)});
    for (const double log_ratio :
         options.placement == Placement::kKarras
             ? karras(std::exp(-options.lambda_start), std::exp(-options.lambda_end), count)
             : linspace(-options.lambda_start, -options.lambda_end, count)) {
      const double t = CosineSchedule::time_of_lambda(-log_ratio);
      nodes.push_back({schedule.timestep(t), level_from_lambda(-log_ratio)});
    }
    if (!paper) nodes.push_back({0.0, cosine_level(0.0)});
  }
  return chain(nodes);
}

Grid make_ddim_grid(const DiscreteSchedule& schedule, Spacing spacing, int steps_offset,
                    bool final_level_is_clean, int steps) {
  const int table = schedule.size();
  require_steps(steps, table);
  const NoiseLevel final_level = final_level_is_clean ? cosine_level(0.0) : schedule.level(0);
  Grid grid;
  for (int i = 0; i < steps; ++i) {
    int timestep = 0;
    switch (spacing) {
      case Spacing::kLeading:
        timestep = (steps - 1 - i) * (table / steps) + steps_offset;
        break;
      case Spacing::kTrailing:
        timestep =
            static_cast<int>(std::nearbyint(table - i * (static_cast<double>(table) / steps))) - 1;
        break;
      case Spacing::kLinspace:
        timestep = static_cast<int>(std::nearbyint(linspace(0, table - 1, steps)[steps - 1 - i]));
        break;
    }
    base::require(timestep < table, "steps_offset: points behind the end of the noise table");
    const int next = timestep - table / steps;
    grid.push_back({static_cast<double>(timestep), schedule.level(timestep),
                    next >= 0 ? schedule.level(next) : final_level});
  }
  return grid;
}

Grid make_flow_grid(const FlowSchedule& schedule, FlowNodes nodes, std::optional<double> mu,
                    int steps) {
  require_steps(steps, kMostSteps);
  const double least = 1.0 / schedule.num_train_timesteps;
  const double shift = schedule.effective_shift(mu);
  const auto shifted = [](double s, double sigma) { return s * sigma / (1.0 + (s - 1.0) * sigma); };
  std::vector<double> sigmas;
  switch (nodes) {
    case FlowNodes::kEuler: {
      // A fixed shift also moves the smallest sigma before the steps are spread.
      const bool fixed = schedule.dynamic == FlowSchedule::DynamicShift::kNone;
      sigmas = linspace(1.0, as_fp32(fixed ? shifted(shift, least) : least), steps);
      break;
    }
    case FlowNodes::kEven:
      sigmas = linspace(1.0, 1.0 / steps, steps);
      break;
    case FlowNodes::kDpmSolver:
      sigmas = linspace(1.0 - least, 0.0, steps + 1);
      sigmas.pop_back();
      break;
    case FlowNodes::kUniPc:
      sigmas = linspace(1.0, least, steps + 1);
      sigmas.pop_back();
      break;
  }
  std::vector<Node> placed;
  for (double sigma : sigmas) {
    sigma = shifted(shift, sigma);
    // A multistep history cannot hold the infinite log-SNR of sigma = 1.
    if (nodes == FlowNodes::kUniPc && sigma > 1.0 - 1e-6) sigma = 1.0 - 1e-6;
    const double timestep = sigma * schedule.num_train_timesteps;
    const bool whole = nodes == FlowNodes::kDpmSolver || nodes == FlowNodes::kUniPc;
    placed.push_back(
        {whole ? std::trunc(timestep) : as_fp32(timestep), flow_level(as_fp32(sigma))});
  }
  placed.push_back({0.0, flow_level(0.0)});
  return chain(placed);
}

Grid make_lambda_grid(const std::vector<double>& lambdas) {
  base::require(lambdas.size() >= 2, "a grid needs two levels");
  std::vector<Node> nodes;
  nodes.reserve(lambdas.size());
  for (const double lambda : lambdas) nodes.push_back({lambda, level_from_lambda(lambda)});
  return chain(nodes);
}

}  // namespace zoetrope::diffusion

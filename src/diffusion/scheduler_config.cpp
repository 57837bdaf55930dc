#include "diffusion/scheduler_config.h"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <variant>

#include "base/status.h"
#include "diffusion/config_fields.h"
#include "diffusion/ddim.h"
#include "diffusion/dpm_solver.h"
#include "diffusion/flow_euler.h"
#include "diffusion/unipc.h"

namespace zoetrope::diffusion {
namespace {

// Of a scheduler class in diffusers: what holds where the file says nothing.
struct ClassDefaults {
  const char* spacing;
  bool rounds_karras_always = false;
};

using VpSchedule = std::variant<DiscreteSchedule, CosineSchedule>;

Prediction read_prediction(const ConfigFields& fields) {
  return fields.choose<Prediction>("prediction_type", "epsilon",
                                   {{"epsilon", Prediction::kEpsilon},
                                    {"v_prediction", Prediction::kV},
                                    {"sample", Prediction::kSample},
                                    {"flow_prediction", Prediction::kFlow}});
}

int read_train_timesteps(const ConfigFields& fields) {
  return fields.integer("num_train_timesteps", 1000, 2, 1'000'000);
}

VpSchedule read_vp_schedule(const ConfigFields& fields, Prediction prediction) {
  enum class Curve { kLinear, kScaledLinear, kSquaredCosine, kContinuousCosine };
  const Curve curve = fields.choose<Curve>("beta_schedule", "linear",
                                           {{"linear", Curve::kLinear},
                                            {"scaled_linear", Curve::kScaledLinear},
                                            {"squaredcos_cap_v2", Curve::kSquaredCosine},
                                            {"continuous_cosine", Curve::kContinuousCosine}});
  const bool continuous = curve == Curve::kContinuousCosine;
  const bool zero_snr = continuous || fields.boolean("rescale_betas_zero_snr", false);
  if (prediction == Prediction::kFlow) {
    fields.refuse("prediction_type", "flow_prediction needs a flow schedule");
  }
  if (zero_snr && prediction == Prediction::kEpsilon) {
    fields.refuse("prediction_type", "epsilon says nothing at zero terminal SNR, where alpha = 0");
  }
  if (continuous) {
    return CosineSchedule(fields.real("time_shift", 1.0, 1e-3, 1e3), read_train_timesteps(fields));
  }
  BetaOptions options;
  options.num_train_timesteps = read_train_timesteps(fields);
  options.beta_start = fields.real("beta_start", 0.0001, 1e-9, 0.999);
  options.beta_end = fields.real("beta_end", 0.02, 1e-9, 0.999);
  options.curve = curve == Curve::kLinear         ? BetaCurve::kLinear
                  : curve == Curve::kScaledLinear ? BetaCurve::kScaledLinear
                                                  : BetaCurve::kSquaredCosine;
  options.rescale_betas_zero_snr = zero_snr;
  return DiscreteSchedule(options);
}

Spacing read_spacing(const ConfigFields& fields, const char* fallback) {
  return fields.choose<Spacing>("timestep_spacing", fallback,
                                {{"leading", Spacing::kLeading},
                                 {"trailing", Spacing::kTrailing},
                                 {"linspace", Spacing::kLinspace}});
}

FlowSchedule read_flow_schedule(const ConfigFields& fields, const char* shift_field) {
  using Dynamic = FlowSchedule::DynamicShift;
  FlowSchedule schedule;
  schedule.num_train_timesteps = read_train_timesteps(fields);
  schedule.shift = fields.real(shift_field, 1.0, 1e-3, 1e3);
  const Dynamic kind = fields.choose<Dynamic>(
      "time_shift_type", "exponential",
      {{"exponential", Dynamic::kExponential}, {"linear", Dynamic::kLinear}});
  if (fields.boolean("use_dynamic_shifting", false)) schedule.dynamic = kind;
  return schedule;
}

Placement read_placement(const ConfigFields& fields) {
  const bool karras = fields.boolean("use_karras_sigmas", false);
  const bool lu = fields.boolean("use_lu_lambdas", false);
  const Placement log_snr = fields.choose<Placement>("log_snr_grid", lu ? "diffusers" : "none",
                                                     {{"none", Placement::kUniformTime},
                                                      {"diffusers", Placement::kLogSnrDiffusers},
                                                      {"paper", Placement::kLogSnrPaper}});
  if (karras && log_snr != Placement::kUniformTime) {
    fields.refuse("use_karras_sigmas", "cannot be combined with nodes uniform in log-SNR");
  }
  return karras ? Placement::kKarras : log_snr;
}

GridOptions read_grid(const ConfigFields& fields, const VpSchedule& schedule,
                      const ClassDefaults& defaults) {
  GridOptions grid;
  grid.placement = read_placement(fields);
  grid.final_sigma = fields.choose<FinalSigma>(
      "final_sigmas_type", "zero",
      {{"zero", FinalSigma::kZero}, {"sigma_min", FinalSigma::kSigmaMin}});
  if (std::holds_alternative<CosineSchedule>(schedule) &&
      grid.final_sigma == FinalSigma::kSigmaMin) {
    fields.refuse("final_sigmas_type", "continuous_cosine has no smallest sigma");
  }
  grid.spacing = read_spacing(fields, defaults.spacing);
  grid.steps_offset = fields.integer("steps_offset", 0, 0, 1000);
  if (fields.has("lambda_min_clipped")) {
    grid.lambda_min_clipped = fields.real("lambda_min_clipped", 0.0, -1e3, 1e3);
  }
  grid.truncate_timesteps =
      !defaults.rounds_karras_always && fields.text("beta_schedule", "") == "squaredcos_cap_v2";
  grid.lambda_start = fields.real("lambda_start", grid.lambda_start, -20.0, 20.0);
  grid.lambda_end = fields.real("lambda_end", grid.lambda_end, -20.0, 20.0);
  if (grid.lambda_start >= grid.lambda_end) {
    fields.refuse("lambda_start", "must be below lambda_end");
  }
  return grid;
}

void refuse_common(const ConfigFields& fields) {
  fields.require_off("thresholding");
  fields.require_off("trained_betas");
  fields.require_off("variance_type");
  fields.require_off("use_exponential_sigmas");
  fields.require_off("use_beta_sigmas");
  fields.require_off("shift_terminal");
}

std::unique_ptr<const Scheduler> make_ddim(const ConfigFields& fields) {
  DdimOptions options;
  options.prediction = read_prediction(fields);
  if (fields.boolean("clip_sample", true)) {
    options.clip_range = fields.real("clip_sample_range", 1.0, 1e-6, 1e6);
  }
  options.spacing = read_spacing(fields, "leading");
  options.steps_offset = fields.integer("steps_offset", 0, 0, 1000);
  options.set_alpha_to_one = fields.boolean("set_alpha_to_one", true);
  return std::make_unique<DdimScheduler>(read_vp_schedule(fields, options.prediction), options);
}

// The schedule and grid of the two multistep classes.
template <typename Make>
std::unique_ptr<const Scheduler> with_schedule(const ConfigFields& fields, Prediction prediction,
                                               const ClassDefaults& defaults, const Make& make) {
  if (fields.boolean("use_flow_sigmas", false)) {
    if (prediction != Prediction::kFlow && prediction != Prediction::kSample) {
      fields.refuse("prediction_type", "use_flow_sigmas needs flow_prediction or sample");
    }
    if (read_placement(fields) != Placement::kUniformTime) {
      fields.refuse("use_flow_sigmas", "cannot be combined with Karras or log-SNR nodes");
    }
    if (fields.text("final_sigmas_type", "zero") != "zero") {
      fields.refuse("final_sigmas_type", "a flow ends at zero");
    }
    return make(read_flow_schedule(fields, "flow_shift"), GridOptions{});
  }
  VpSchedule schedule = read_vp_schedule(fields, prediction);
  const GridOptions grid = read_grid(fields, schedule, defaults);
  return std::visit([&](auto& known) { return make(std::move(known), grid); }, schedule);
}

std::unique_ptr<const Scheduler> make_dpm_solver(const ConfigFields& fields) {
  using Form = DpmSolverOptions::Form;
  DpmSolverOptions options;
  options.prediction = read_prediction(fields);
  options.order = fields.integer("solver_order", 2, 1, 3);
  fields.require_text("algorithm_type", "dpmsolver++");
  options.form = fields.choose<Form>("solver_type", "midpoint",
                                     {{"midpoint", Form::kMidpoint}, {"heun", Form::kHeun}});
  const bool paper = read_placement(fields) == Placement::kLogSnrPaper;
  const bool falls = fields.boolean("lower_order_final", true);
  options.lower_order_final_below = !falls ? 0 : paper ? 10 : 15;
  options.euler_at_final = fields.boolean("euler_at_final", false);
  return with_schedule(
      fields, options.prediction, {"linspace"}, [&](auto schedule, const GridOptions& grid) {
        return std::make_unique<DpmSolverScheduler>(std::move(schedule), grid, options);
      });
}

std::unique_ptr<const Scheduler> make_unipc(const ConfigFields& fields) {
  using Form = UniPcOptions::Form;
  UniPcOptions options;
  options.prediction = read_prediction(fields);
  options.order = fields.integer("solver_order", 2, 1, 3);
  options.form =
      fields.choose<Form>("solver_type", "bh2", {{"bh1", Form::kBh1}, {"bh2", Form::kBh2}});
  options.lower_order_final = fields.boolean("lower_order_final", true);
  if (!fields.boolean("predict_x0", true)) {
    fields.refuse("predict_x0", "only the x0 form is offered", base::StatusCode::kUnimplemented);
  }
  fields.require_off("disable_corrector");
  fields.require_off("solver_p");
  return with_schedule(fields, options.prediction, {"linspace", /*rounds_karras_always=*/true},
                       [&](auto schedule, const GridOptions& grid) {
                         return std::make_unique<UniPcScheduler>(std::move(schedule), grid,
                                                                 options);
                       });
}

std::unique_ptr<const Scheduler> make_flow_euler(const ConfigFields& fields) {
  fields.require_off("invert_sigmas");
  fields.require_off("stochastic_sampling");
  fields.require_off("use_karras_sigmas");
  const auto nodes = fields.choose<FlowNodes>(
      "flow_nodes", "default", {{"default", FlowNodes::kEuler}, {"even", FlowNodes::kEven}});
  return std::make_unique<FlowEulerScheduler>(read_flow_schedule(fields, "shift"), nodes);
}

// Replaces Python's bare Infinity, -Infinity and NaN by null: "not set", which is what they mean in
// these files (lambda_min_clipped: -Infinity).
std::string without_bare_numbers(std::string_view text) {
  std::string plain;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      plain += c;
      if (c == '\\' && i + 1 < text.size()) plain += text[++i];
      if (c == '"') in_string = false;
      continue;
    }
    bool replaced = false;
    for (const std::string_view word : {"-Infinity", "Infinity", "NaN"}) {
      if (text.substr(i).starts_with(word)) {
        plain += "null";
        i += word.size() - 1;
        replaced = true;
        break;
      }
    }
    if (replaced) continue;
    in_string = c == '"';
    plain += c;
  }
  return plain;
}

}  // namespace

std::unique_ptr<const Scheduler> make_scheduler(const nlohmann::json& config) {
  const ConfigFields fields(config);
  refuse_common(fields);
  using Maker = std::unique_ptr<const Scheduler> (*)(const ConfigFields&);
  const Maker make = fields.choose<Maker>("_class_name", "",
                                          {{"DDIMScheduler", make_ddim},
                                           {"DPMSolverMultistepScheduler", make_dpm_solver},
                                           {"UniPCMultistepScheduler", make_unipc},
                                           {"FlowMatchEulerDiscreteScheduler", make_flow_euler}});
  return make(fields);
}

std::unique_ptr<const Scheduler> parse_scheduler(std::string_view text) {
  const auto config = nlohmann::json::parse(without_bare_numbers(text), nullptr,
                                            /*allow_exceptions=*/false);
  if (config.is_discarded()) {
    throw base::Error(base::StatusCode::kInvalidArgument, "scheduler_config.json: not valid JSON");
  }
  return make_scheduler(config);
}

}  // namespace zoetrope::diffusion

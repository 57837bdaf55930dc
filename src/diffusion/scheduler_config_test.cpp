#include "diffusion/scheduler_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/status.h"

namespace zoetrope::diffusion {
namespace {

using base::StatusCode;
using nlohmann::json;
using testing::HasSubstr;

void expect_refused(const json& config, const std::string& field,
                    StatusCode code = StatusCode::kInvalidArgument) {
  SCOPED_TRACE(config.dump());
  try {
    make_scheduler(config);
    ADD_FAILURE() << "accepted";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.status().code(), code) << error.what();
    EXPECT_THAT(error.what(), HasSubstr("scheduler_config.json: " + field + ": "));
  }
}

json with_class(const char* name, json fields) {
  fields["_class_name"] = name;
  return fields;
}

const char* const kDdim = "DDIMScheduler";
const char* const kDpm = "DPMSolverMultistepScheduler";
const char* const kUniPc = "UniPCMultistepScheduler";
const char* const kEuler = "FlowMatchEulerDiscreteScheduler";

TEST(SchedulerConfigTest, NamesTheFieldItDoesNotUnderstand) {
  expect_refused(json::object(), "_class_name");
  expect_refused(json::array(), "_class_name");
  expect_refused({{"_class_name", "PNDMScheduler"}}, "_class_name");
  expect_refused({{"_class_name", 3}}, "_class_name");
  expect_refused(with_class(kDdim, {{"beta_schedule", "sigmoid"}}), "beta_schedule");
  expect_refused(with_class(kDdim, {{"timestep_spacing", "even"}}), "timestep_spacing");
  expect_refused(with_class(kDdim, {{"num_train_timesteps", 0}}), "num_train_timesteps");
  expect_refused(with_class(kDdim, {{"num_train_timesteps", 1e12}}), "num_train_timesteps");
  expect_refused(with_class(kDdim, {{"num_train_timesteps", "many"}}), "num_train_timesteps");
  expect_refused(with_class(kDdim, {{"beta_end", 2.0}}), "beta_end");
  expect_refused(with_class(kDdim, {{"clip_sample", "yes"}}), "clip_sample");
  expect_refused(with_class(kDdim, {{"prediction_type", "score"}}), "prediction_type");
  expect_refused(with_class(kDpm, {{"solver_order", 4}}), "solver_order");
  expect_refused(with_class(kDpm, {{"solver_type", "bh2"}}), "solver_type");
  expect_refused(with_class(kDpm, {{"final_sigmas_type", "one"}}), "final_sigmas_type");
  expect_refused(with_class(kUniPc, {{"solver_type", "heun"}}), "solver_type");
  expect_refused(with_class(kEuler, {{"time_shift_type", "cubic"}}), "time_shift_type");
  expect_refused(with_class(kEuler, {{"shift", -1.0}}), "shift");
}

TEST(SchedulerConfigTest, NamesTheFieldItDoesNotOffer) {
  const auto unoffered = [](const char* name, json fields, const char* field) {
    expect_refused(with_class(name, std::move(fields)), field, StatusCode::kUnimplemented);
  };
  for (const char* name : {kDdim, kDpm, kUniPc}) {
    unoffered(name, {{"thresholding", true}}, "thresholding");
    unoffered(name, {{"trained_betas", {0.1, 0.2}}}, "trained_betas");
  }
  unoffered(kDpm, {{"algorithm_type", "sde-dpmsolver++"}}, "algorithm_type");
  unoffered(kDpm, {{"variance_type", "learned_range"}}, "variance_type");
  unoffered(kDpm, {{"use_exponential_sigmas", true}}, "use_exponential_sigmas");
  unoffered(kUniPc, {{"predict_x0", false}}, "predict_x0");
  unoffered(kUniPc, {{"disable_corrector", {0}}}, "disable_corrector");
  unoffered(kEuler, {{"stochastic_sampling", true}}, "stochastic_sampling");
}

TEST(SchedulerConfigTest, RefusesCombinationsWithoutMeaning) {
  expect_refused(with_class(kDdim, {{"rescale_betas_zero_snr", true}}), "prediction_type");
  expect_refused(with_class(kDpm, {{"beta_schedule", "continuous_cosine"}}), "prediction_type");
  expect_refused(with_class(kDpm, {{"prediction_type", "flow_prediction"}}), "prediction_type");
  expect_refused(with_class(kDpm, {{"use_flow_sigmas", true}}), "prediction_type");
  expect_refused(with_class(kDpm, {{"use_karras_sigmas", true}, {"use_lu_lambdas", true}}),
                 "use_karras_sigmas");
  const json flow = {{"use_flow_sigmas", true}, {"prediction_type", "flow_prediction"}};
  json karras = flow;
  karras["use_karras_sigmas"] = true;
  expect_refused(with_class(kUniPc, karras), "use_flow_sigmas");
  json sigma_min = flow;
  sigma_min["final_sigmas_type"] = "sigma_min";
  expect_refused(with_class(kUniPc, sigma_min), "final_sigmas_type");
}

TEST(SchedulerConfigTest, IgnoresFieldsOfOtherClasses) {
  EXPECT_NO_THROW(make_scheduler(with_class(kDpm, {{"skip_prk_steps", true},
                                                   {"set_alpha_to_one", false},
                                                   {"clip_sample", false},
                                                   {"_diffusers_version", "0.42.1"},
                                                   {"trained_betas", nullptr}})));
}

TEST(SchedulerConfigTest, UnderstandsPythonsInfinity) {
  const auto scheduler = parse_scheduler(
      R"({"_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": -Infinity,
          "note": "-Infinity \" Infinity"})");
  EXPECT_EQ(scheduler->begin(10)->timestep(0), 999.0);
}

TEST(SchedulerConfigTest, RefusesWhatIsNotJson) {
  for (const char* text : {"", "{", "[1, 2", "{\"a\": Infinit}", "\xff\xfe"}) {
    EXPECT_THROW(parse_scheduler(text), base::Error) << text;
  }
}

TEST(SchedulerConfigTest, RefusesStepsTheScheduleCannotGive) {
  for (const char* name : {kDdim, kDpm, kUniPc, kEuler}) {
    const auto scheduler = make_scheduler(with_class(name, json::object()));
    EXPECT_THROW(scheduler->begin(0), base::Error);
    EXPECT_THROW(scheduler->begin(-5), base::Error);
    EXPECT_THROW(scheduler->begin(100'000), base::Error);
    EXPECT_THROW(scheduler->begin(10, 0.9), base::Error);  // mu without dynamic shifting
  }
  const auto dynamic = make_scheduler(with_class(kEuler, {{"use_dynamic_shifting", true}}));
  EXPECT_THROW(dynamic->begin(10), base::Error);
}

// For every placement and any number of steps: noise falls, times fall, all is finite but lambda's
// ends, and a step begins where the last one ended (DDIM on a table excepted).
TEST(SchedulerConfigTest, EveryGridGoesSteadilyFromNoiseToPicture) {
  std::vector<json> configs = {with_class(kEuler, {{"shift", 3.0}}),
                               with_class(kUniPc, {{"use_flow_sigmas", true},
                                                   {"flow_shift", 5.0},
                                                   {"prediction_type", "flow_prediction"}})};
  const json v = {{"prediction_type", "v_prediction"}};
  for (const char* curve : {"linear", "scaled_linear", "squaredcos_cap_v2", "continuous_cosine"}) {
    for (const char* grid : {"none", "diffusers", "paper", "karras"}) {
      for (const char* spacing : {"leading", "trailing", "linspace"}) {
        json config = with_class(kDpm, v);
        config["beta_schedule"] = curve;
        config["timestep_spacing"] = spacing;
        if (std::string(grid) == "karras") {
          config["use_karras_sigmas"] = true;
        } else {
          config["log_snr_grid"] = grid;
        }
        configs.push_back(config);
        config["rescale_betas_zero_snr"] = true;
        configs.push_back(config);
      }
    }
  }
  for (const json& config : configs) {
    SCOPED_TRACE(config.dump());
    const auto scheduler = make_scheduler(config);
    for (const int steps : {1, 2, 3, 15, 61, 200}) {
      const auto state = scheduler->begin(steps);
      ASSERT_EQ(state->steps(), steps);
      for (int i = 0; i < steps; ++i) {
        const GridStep& step = state->at(i);
        ASSERT_GT(step.to.lambda, step.from.lambda) << i;
        ASSERT_TRUE(std::isfinite(step.from.alpha) && std::isfinite(step.from.sigma)) << i;
        ASSERT_GT(step.from.sigma, 0.0) << i;
        if (i > 0) {
          ASSERT_EQ(step.from.lambda, state->at(i - 1).to.lambda) << i;
          ASSERT_LE(step.timestep, state->timestep(i - 1)) << i;
        }
      }
    }
  }
}

}  // namespace
}  // namespace zoetrope::diffusion

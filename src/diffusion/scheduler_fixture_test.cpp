// Every scheduler option against what diffusers computes, and against the formulas where diffusers
// has no counterpart: tests/oracles/make_diffusion.py.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "diffusion/scheduler_config.h"
#include "tensor/tensor.h"

namespace zoetrope::diffusion {
namespace {

using nlohmann::json;

const json& fixture() {
  static const json value = [] {
    std::ifstream file(ZOETROPE_SOURCE_DIR "/tests/fixtures/diffusion/schedulers.json");
    return json::parse(file);
  }();
  return value;
}

at::Tensor row(const json& values, at::ScalarType dtype) {
  return at::tensor(values.get<std::vector<double>>(), at::kDouble).to(dtype).unsqueeze(0);
}

// The stand-in for the network; the same in the script.
at::Tensor model(const at::Tensor& x, double t) {
  return at::sin(x * 1.3 + 0.002 * t) * 0.6 + x * 0.3 * std::cos(0.001 * t);
}

class SchedulerFixtureTest : public testing::TestWithParam<size_t> {};

TEST_P(SchedulerFixtureTest, AgreesAtEveryStep) {
  const json& entry = fixture()["cases"][GetParam()];
  SCOPED_TRACE(entry["config"].dump() + " steps " + entry["steps"].dump());
  const bool reference = entry.value("reference", false);  // written in fp64, nine digits
  const auto scheduler = make_scheduler(entry["config"]);
  std::optional<double> mu;
  if (entry.contains("mu")) mu = entry["mu"].get<double>();
  const auto state = scheduler->begin(entry["steps"].get<int>(), mu);

  const json& samples = entry["samples"];
  ASSERT_EQ(state->steps(), static_cast<int>(samples.size()));
  at::Tensor z = row(fixture()["start"], reference ? at::kDouble : at::kFloat);
  for (int i = 0; i < state->steps(); ++i) {
    const double timestep = entry["timesteps"][i].get<double>();
    ASSERT_NEAR(state->timestep(i), timestep, 1e-6 * std::abs(timestep)) << "step " << i;
    z = state->step(model(z, state->timestep(i)), i, z);
    const double error = tensor::relative_l2(z, row(samples[i], at::kDouble));
    ASSERT_LE(error, reference ? 1e-8 : 1e-5) << "step " << i;
  }
}

std::string case_name(const testing::TestParamInfo<size_t>& info) {
  const json& entry = fixture()["cases"][info.param];
  std::ostringstream name;
  name << info.param << "_" << entry["config"]["_class_name"].get<std::string>() << "_"
       << entry["steps"].get<int>() << "_steps";
  return name.str();
}

INSTANTIATE_TEST_SUITE_P(All, SchedulerFixtureTest,
                         testing::Range(size_t{0}, fixture()["cases"].size()), case_name);

}  // namespace
}  // namespace zoetrope::diffusion

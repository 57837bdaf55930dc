// Whole diffusion transformers against diffusers' pipelines, from the same prompt, picture and
// noise (tests/oracles/make_transformer_pipelines.py).
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "pipeline/model.h"
#include "pipeline/picture.h"
#include "pipeline/step_runner.h"
#include "support/temporary_folder.h"
#include "support/transformer_fixture.h"

namespace zoetrope::pipeline {
namespace {

using test_support::TransformerFixture;

class TransformerPipelines : public testing::TestWithParam<const char*> {
 protected:
  TransformerPipelines() : fixture_(GetParam()) { fixture_.write_model(folder_.path()); }

  BundleMap inputs() const {
    const nlohmann::json& request = fixture_.request();
    BundleMap inputs;
    inputs["prompt"].facts = {{"text", request.at("prompt")},
                              {"negative_text", request.value("negative_prompt", "")}};
    inputs["noise"].tensors["noise"] = fixture_.tensor("noise");
    inputs["noise"].facts = {{"steps", request.at("steps")},
                             {"text_guidance", request.at("guidance")},
                             {"true_cfg_scale", request.value("true_cfg_scale", 1.0)},
                             {"strength", request.value("strength", 1.0)},
                             {"keep_trajectory", false}};
    if (fixture_.has_picture()) {
      inputs["picture"].tensors["pixels"] = fixture_.tensor("picture");
      inputs["picture"].facts = {{"num_frames", request.value("frames", 1)},
                                 {"width", request.at("width")},
                                 {"height", request.at("height")}};
    }
    return inputs;
  }

  at::Tensor frames(at::ScalarType dtype) {
    const c10::NoGradGuard no_gradients;
    const auto model = load_model(read_model_index(folder_.path()), dtype, at::kCPU);
    StepRunner runner(dtype, at::kCPU, Batching::kApart);
    DenoiseHooks hooks;
    hooks.drive = [&](DenoiseSession& session) { runner.run(session); };
    const Source source = fixture_.has_picture() ? Source::kPicture : Source::kText;
    return run(model->graph(source), model->roles(hooks), inputs(), {})
        .outputs.at("frames")
        .tensor("frames");
  }

  double psnr(const at::Tensor& made) const {
    const at::Tensor difference = made.to(at::kDouble) - fixture_.tensor("frames").to(at::kDouble);
    const double mse = difference.square().mean().item<double>();
    return 10 * std::log10(255.0 * 255.0 / std::max(mse, 1e-12));
  }

  const test_support::TemporaryFolder folder_;
  const TransformerFixture fixture_;
};

TEST_P(TransformerPipelines, FramesEqualTheReference) {
  const at::Tensor expected = fixture_.tensor("frames");
  EXPECT_GT(expected.to(at::kDouble).std().item<double>(), 5.0)
      << "a flat picture would prove nothing";
  const at::Tensor made = frames(at::kFloat);
  ASSERT_EQ(made.sizes(), expected.sizes());
  EXPECT_GE(psnr(made), 60.0) << "dB";
}

// What `inspect` looks at: every weight of the checkpoint has its place.
TEST_P(TransformerPipelines, EveryWeightIsUsed) {
  const c10::NoGradGuard no_gradients;
  for (const ComponentCheck& check : check_components(read_model_index(folder_.path()))) {
    EXPECT_EQ(check.problem, "") << check.name;
    EXPECT_GT(check.parameters, 0) << check.name;
    for (const std::string& name : check.unused) EXPECT_EQ(name, "lm_head.weight") << check.name;
  }
}

INSTANTIATE_TEST_SUITE_P(All, TransformerPipelines, testing::ValuesIn(TransformerFixture::kNames),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace zoetrope::pipeline

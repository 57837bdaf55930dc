// Whole diffusion transformers against diffusers' pipelines, from the same prompt, picture and
// noise (tests/oracles/make_transformer_pipelines.py).
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "pipeline/model.h"
#include "pipeline/picture.h"
#include "pipeline/step_runner.h"
#include "support/temporary_folder.h"
#include "support/transformer_fixture.h"
#include "tensor/memory.h"

namespace zoetrope::pipeline {
namespace {

using tensor::WeightFormat;
using test_support::TransformerFixture;

class TransformerPipelines : public testing::TestWithParam<const char*> {
 protected:
  TransformerPipelines() : fixture_(GetParam()) { fixture_.write_model(folder_.path()); }

  BundleMap inputs() const {
    const nlohmann::json& request = fixture_.request();
    BundleMap inputs;
    inputs["prompt"].facts = {{"text", request.at("prompt")},
                              {"negative_text", request.value("negative_prompt", "")}};
    inputs["noise"].tensors["noise"] = fixture_.tensor("noise").unsqueeze(0);
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

  struct Made {
    at::Tensor frames, latents;
    bool lossless;
  };
  Made make(WeightFormat format = WeightFormat::kPlain) {
    const c10::NoGradGuard no_gradients;
    ModelIndex index = read_model_index(folder_.path());
    index.linears.format = format;
    const auto model = load_model(index, at::kFloat, at::kCPU);
    StepRunner runner(at::kFloat, at::kCPU, Batching::kApart);
    DenoiseHooks hooks;
    hooks.drive = [&](auto sessions) { runner.run(sessions); };
    const Source source = fixture_.has_picture() ? Source::kPicture : Source::kText;
    const BundleMap outputs = run(model->graph(source), model->roles(hooks), inputs(), {}).outputs;
    return {outputs.at("frames").tensor("frames").squeeze(0), outputs.at("clip").tensor("latents"),
            model->traits().lossless};
  }

  static double psnr(const at::Tensor& made, const at::Tensor& expected) {
    const at::Tensor difference = made.to(at::kDouble) - expected.to(at::kDouble);
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
  const Made made = make();
  ASSERT_EQ(made.frames.sizes(), expected.sizes());
  EXPECT_GE(psnr(made.frames, expected), 60.0) << "dB";
  EXPECT_TRUE(made.lossless);
}

// Fewer bits in the denoiser's weights, same prompt and noise: what is printed goes into
// docs/quantisation.md. Made-up weights are about as hard as it gets: nothing in them is redundant.
TEST_P(TransformerPipelines, FewerBitsLoseMore) {
  const Made plain = make();
  double better = std::numeric_limits<double>::infinity();
  for (const WeightFormat format : {WeightFormat::kInt8, WeightFormat::kFp8, WeightFormat::kInt4}) {
    const Made made = make(format);
    const double decibels = psnr(made.frames, plain.frames);
    const double error =
        ((made.latents - plain.latents).norm() / plain.latents.norm()).item<double>();
    fmt::print("{:<18} {:<5} frames {:5.1f} dB, latents {:.4f}\n", GetParam(), to_string(format),
               decibels, error);
    EXPECT_GT(error, 0) << "nothing was quantised";
    EXPECT_LT(decibels, better);
    EXPECT_FALSE(made.lossless);
    better = decibels;
  }
  EXPECT_GT(better, 15.0) << "int4 is another picture";
}

// What `inspect` looks at: every weight of the checkpoint has its place.
TEST_P(TransformerPipelines, EveryWeightIsUsed) {
  const c10::NoGradGuard no_gradients;
  const tensor::AllocationPeak memory;
  int64_t bytes = 0;
  for (const ComponentCheck& check : check_components(read_model_index(folder_.path()))) {
    EXPECT_EQ(check.problem, "") << check.name;
    EXPECT_GT(check.parameters, 0) << check.name;
    EXPECT_THAT(check.unused, testing::IsEmpty()) << check.name;
    bytes += check.bytes;
  }
  EXPECT_LT(memory.total_bytes(), bytes / 10) << "a look at a model loads it";
}

INSTANTIATE_TEST_SUITE_P(All, TransformerPipelines, testing::ValuesIn(TransformerFixture::kNames),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace zoetrope::pipeline

// The whole I2VGen-XL pipeline against diffusers', from the same picture, prompt and noise
// (tests/oracles/make_i2vgenxl_pipeline.py).
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "pipeline/picture.h"
#include "pipeline/roles.h"
#include "pipeline/step_runner.h"
#include "tensor/tensor.h"
#include "weights/tensor_io.h"

namespace zoetrope::pipeline {
namespace {

constexpr const char* kFolder = ZOETROPE_SOURCE_DIR "/tests/fixtures/pipeline/i2vgen_xl";

TEST(I2VGenXlTest, ResamplesAsPillowDoes) {
  const auto reference =
      weights::load_tensors(std::string(kFolder) + "/case.safetensors").value_or_throw();
  const media::Image picture = to_image(reference.at("picture"));
  EXPECT_TRUE(
      at::equal(to_pixels(resample(picture, 37, 29, Filter::kBox)), reference.at("picture_box")));
  EXPECT_TRUE(at::equal(to_pixels(resample(picture, 16, 50, Filter::kTriangle)),
                        reference.at("picture_triangle")));
}

TEST(I2VGenXlTest, FramesEqualTheReference) {
  const c10::NoGradGuard no_gradients;
  const std::string folder = kFolder;
  const auto reference = weights::load_tensors(folder + "/case.safetensors").value_or_throw();
  const Components components = load_components(read_model_index(folder), at::kFloat, at::kCPU);
  StepRunner runner(at::kFloat, at::kCPU, Batching::kApart);

  BundleMap inputs;
  inputs["prompt"].facts["text"] = "a cat and a rocket";
  inputs["picture"].tensors["pixels"] = reference.at("picture");
  inputs["picture"].facts = {{"num_frames", 4}, {"width", 32}, {"height", 24}};
  inputs["noise"].tensors["noise"] = reference.at("noise").unsqueeze(0);
  inputs["noise"].facts = {{"distilled", false},
                           {"steps", 4},
                           {"text_guidance", 5.0},
                           {"fps", 8.0},
                           {"keep_trajectory", false}};
  DenoiseHooks hooks;
  hooks.drive = [&](auto sessions) { runner.run(sessions); };
  const GraphResult result =
      run(components.recipe->graph, make_roles(components, hooks), inputs, {});

  EXPECT_LE(
      tensor::relative_l2(result.outputs.at("clip").tensor("latents")[0], reference.at("latents")),
      1e-4);
  const at::Tensor frames = result.outputs.at("frames").tensor("frames")[0].to(at::kDouble);
  const at::Tensor expected = reference.at("frames").to(at::kDouble);
  ASSERT_EQ(frames.sizes(), expected.sizes());
  EXPECT_GT(expected.std().item<double>(), 10.0) << "a flat picture would prove nothing";
  const double mse = (frames - expected).square().mean().item<double>();
  EXPECT_GE(10 * std::log10(255.0 * 255.0 / std::max(mse, 1e-12)), 60.0) << "PSNR in dB";
}

}  // namespace
}  // namespace zoetrope::pipeline

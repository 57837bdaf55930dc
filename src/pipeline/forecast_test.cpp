// What a forecast says against what the same run takes.
#include "pipeline/forecast.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "ops/ladder.h"
#include "pipeline/step_runner.h"
#include "support/random_model.h"
#include "support/temporary_folder.h"
#include "support/transformer_fixture.h"
#include "tensor/memory.h"

namespace zoetrope::pipeline {
namespace {

using test_support::TransformerFixture;

BundleMap inputs_of(const Model& model, const RunSize& size) {
  const int steps = model.traits().class_name == "WanPipeline" ? 8 : 2;  // two networks
  BundleMap inputs;
  const double guidance = size.guided ? 2.0 : 1.0;
  inputs["prompt"].facts = {{"text", "a"}, {"negative_text", ""}};
  inputs["noise"].tensors["noise"] = at::randn(model.latent_shape(size)).unsqueeze(0);
  inputs["noise"].facts = {{"distilled", false},
                           {"steps", steps},
                           {"image_guidance", guidance},
                           {"text_guidance", guidance},
                           {"true_cfg_scale", guidance},
                           {"strength", 1.0},
                           {"motion", 0.5},
                           {"fps", 8.0},
                           {"cache_blocks", false},
                           {"keep_trajectory", false}};
  inputs["picture"].tensors["pixels"] = at::randint(256, {size.height, size.width, 3}, at::kByte);
  inputs["picture"].facts = {{"num_frames", size.num_frames},
                             {"width", size.width},
                             {"height", size.height},
                             {"own_first_frame", false}};
  return inputs;
}

// By role, of the operations that the dry run has: ATen's.
std::map<std::string, int64_t> measured(const Model& model, const RunSize& size, Source source) {
  std::vector<std::unique_ptr<ops::ForceVariant>> forced;
  for (const std::string& op : ops::ops_with_variant("aten")) {
    forced.push_back(std::make_unique<ops::ForceVariant>(op, "aten"));
  }
  StepRunner runner(model.dtype(), at::kCPU, Batching::kApart);
  DenoiseHooks hooks;
  hooks.drive = [&](std::span<DenoiseSession* const> sessions) { runner.run(sessions); };
  const RoleTable roles = model.roles(hooks);
  const BundleMap inputs = inputs_of(model, size);
  int64_t kept = static_cast<int64_t>(inputs.at("noise").tensor("noise").nbytes());
  std::map<std::string, int64_t> peaks;
  std::vector<Bundle> results;
  for (const Graph::Node& node : model.graph(source).nodes()) {
    if (node.is_input) {
      results.push_back(inputs.at(node.name));
      continue;
    }
    std::vector<Bundle> read;
    for (const Graph::Value value : node.inputs) read.push_back(results[value.node]);
    const tensor::AllocationPeak own;
    results.push_back(roles.at(node.name)(read, {}));
    peaks[node.name] = kept + own.peak_bytes();
    kept += own.live_bytes();
  }
  return peaks;
}

// Convolutions whose libraries take copies of their own on a CPU: of clips in fp32, of pictures in
// bf16.
bool has_hidden_copies(const std::string& role, at::ScalarType dtype, bool makes_video) {
  return (role == "decode" || role == "image_encode") && (dtype == at::kFloat) == makes_video;
}

struct Case {
  RunSize size;
  Source source;
  bool routes;  // the forecast is of the worst that routing to experts can come to
};

void compare(const ModelIndex& index, const Case& c, at::ScalarType dtype) {
  const c10::NoGradGuard no_gradients;
  constexpr double kThreadBuffers = 512 << 10;  // attention's, at most
  const Forecaster forecaster(index, dtype, at::kCPU);
  const auto model = load_model(index, dtype, at::kCPU);
  const ModelTraits traits = model->traits();
  const auto peaks = measured(*model, c.size, c.source);
  for (const Forecast::Role& role : forecaster.run(c.size, c.source).roles) {
    if (index.transformer != nullptr && has_hidden_copies(role.name, dtype, traits.makes_video)) {
      continue;
    }
    SCOPED_TRACE(role.name + " in " + at::toString(dtype));
    const auto peak = static_cast<double>(peaks.at(role.name));
    const auto said = static_cast<double>(role.peak_bytes);
    EXPECT_GE(said, 0.95 * peak - kThreadBuffers);
    EXPECT_LE(said, (c.routes ? 2 : 1.05) * peak + kThreadBuffers);
  }
}

class ForecastTest : public testing::TestWithParam<const char*> {};

TEST_P(ForecastTest, IsWhatTheTransformersTake) {
  const test_support::TemporaryFolder folder;
  const TransformerFixture fixture(GetParam());
  fixture.write_model(folder.path());
  const auto& request = fixture.request();
  // Larger than the fixture's own where the model allows it, so that the tensors count.
  const int64_t times = fixture.request().contains("frames") ? 4 : 1;
  const RunSize size{.num_frames = request.value("frames", 1),
                     .width = times * request.at("width").get<int64_t>(),
                     .height = times * request.at("height").get<int64_t>()};
  const Case c{size, fixture.has_picture() ? Source::kPicture : Source::kText,
               GetParam() == std::string("hidream")};
  for (const auto dtype : {at::kFloat, at::kBFloat16}) {
    compare(read_model_index(folder.path()), c, dtype);
  }
}

INSTANTIATE_TEST_SUITE_P(All, ForecastTest, testing::ValuesIn(TransformerFixture::kNames),
                         [](const auto& info) { return std::string(info.param); });

TEST(AnimateForecastTest, IsWhatTheModelTakes) {
  const test_support::TemporaryFolder folder;
  test_support::write_random_model(folder.path(), test_support::ModelSize::kBundled);
  const ModelIndex index = read_model_index(folder.path());
  for (const auto dtype : {at::kFloat, at::kBFloat16}) {
    const Forecaster forecaster(index, dtype, at::kCPU);
    const ModelTraits traits = forecaster.traits();
    compare(index, {{traits.num_frames, traits.width, traits.height}, Source::kPicture, false},
            dtype);
  }
}

// Nothing else may know a size before the weights are read.
TEST(AnimateForecastTest, GrowsWithWhatIsAskedFor) {
  const test_support::TemporaryFolder folder;
  test_support::write_random_model(folder.path());
  const ModelIndex index = read_model_index(folder.path());
  for (const at::Device device : {at::Device(at::kCPU), at::Device(at::kCUDA, 0)}) {
    const Forecaster forecaster(index, at::kBFloat16, device);
    const ModelTraits traits = forecaster.traits();
    const RunSize size{traits.num_frames, traits.width, traits.height};
    RunSize larger = size;
    larger.width *= 2;
    EXPECT_GT(forecaster.run(size).peak_bytes(), 0);
    EXPECT_GT(forecaster.run(larger).peak_bytes(), forecaster.run(size).peak_bytes());
    EXPECT_GT(forecaster.weight_bytes(), 0);
    EXPECT_EQ(forecaster.run(size).recorded_bytes > 0, device.is_cuda());
  }
}

}  // namespace
}  // namespace zoetrope::pipeline

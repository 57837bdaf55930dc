// What a GPU's memory is planned to hold; nothing here needs one.
#include "engine/memory_plan.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <vector>

#include "pipeline/autoencoder.h"
#include "pipeline/picture.h"
#include "support/temporary_folder.h"
#include "support/transformer_fixture.h"
#include "weights/tensor_io.h"

namespace zoetrope::engine {
namespace {

class MemoryPlannerTest : public testing::Test {
 protected:
  MemoryPlannerTest() {
    test_support::TransformerFixture("flux").write_model(folder_.path());
    test_support::add_blocks(folder_.path(), 20);
  }

  MemoryPlanner planner(int64_t limit_bytes) const {
    return MemoryPlanner(pipeline::read_model_index(folder_.path()), at::kBFloat16,
                         at::Device(at::kCUDA, 0), limit_bytes);
  }
  static pipeline::RunSize default_size(const MemoryPlanner& planner) {
    const pipeline::ModelTraits traits = planner.traits();
    return {.num_frames = traits.num_frames,
            .width = traits.width,
            .height = traits.height,
            .guided = !traits.guidance_embeds};
  }

  const test_support::TemporaryFolder folder_;
};

TEST_F(MemoryPlannerTest, WeightsLeaveInTheOrderOfWhatItCosts) {
  const MemoryPlanner all = planner(std::numeric_limits<int64_t>::max());
  EXPECT_FALSE(all.placement().text_encoders_leave);
  EXPECT_FALSE(all.placement().block_budget_bytes);
  const int64_t whole = all.plan(default_size(all)).peak_bytes;
  EXPECT_GT(whole, all.plan().weight_bytes);

  const MemoryPlanner without_text = planner(whole - 1);
  EXPECT_TRUE(without_text.placement().text_encoders_leave);
  EXPECT_FALSE(without_text.placement().block_budget_bytes);
  const MemoryPlan less = without_text.plan(default_size(without_text));
  EXPECT_TRUE(less.fits());
  EXPECT_LT(less.peak_bytes, whole);

  const MemoryPlanner streaming = planner(less.peak_bytes - 1);
  EXPECT_TRUE(streaming.placement().block_budget_bytes);
  const MemoryPlan least = streaming.plan(default_size(streaming));
  EXPECT_TRUE(least.fits());
  EXPECT_LT(least.peak_bytes, less.peak_bytes);

  const MemoryPlanner beyond = planner(1 << 20);
  const MemoryPlan refused = beyond.plan(default_size(beyond));
  EXPECT_FALSE(refused.fits());
  EXPECT_LE(refused.peak_bytes, least.peak_bytes);
}

Request wide_clip() {
  Request request;
  request.task = Task::kTextToVideo;
  request.prompt = "a rocket";
  request.width = 1056;
  request.height = 128;
  request.num_frames = 5;
  request.steps = 1;
  return request;
}

EngineOptions on_cpu() {
  EngineOptions options;
  options.device = "cpu";
  options.dtype = "fp32";
  return options;
}

// What changes no more than the last bit goes before what does.
TEST(DecodePlanTest, GuidedBranchesGoApartBeforeTiles) {
  const test_support::TemporaryFolder folder;
  test_support::TransformerFixture("wan").write_model(folder.path());
  const Request request = wide_clip();
  EngineOptions options = on_cpu();
  const auto open = [&] { return Engine::open(folder.path(), options).value_or_throw(); };
  const auto roomy = open();
  const ResolvedRequest resolved = resolve(request, roomy->defaults()).value_or_throw();
  const MemoryPlan whole = roomy->plan(resolved);
  EXPECT_FALSE(whole.branches_apart);

  options.memory_limit_bytes = whole.peak_bytes - 1;
  const auto tight = open();
  const MemoryPlan plan = tight->plan(resolved);
  EXPECT_TRUE(plan.branches_apart);
  EXPECT_EQ(plan.decode_tile, 0);
  EXPECT_TRUE(plan.fits());
  const ClipResult clip = tight->generate(request).value_or_throw();
  EXPECT_TRUE(clip.warnings.empty());
  const ClipResult same = roomy->generate(request).value_or_throw();
  ASSERT_EQ(clip.frames.size(), same.frames.size());
  for (size_t i = 0; i < same.frames.size(); ++i) {
    int most = 0;
    for (size_t at = 0; at < same.frames[i].rgb.size(); ++at) {
      most = std::max(most, std::abs(clip.frames[i].rgb[at] - same.frames[i].rgb[at]));
    }
    EXPECT_LE(most, 1) << "frame " << i;
  }
}

// Engine, plan and autoencoder agree on the way a clip is decoded.
TEST(DecodePlanTest, TilesWhereTheWholeDoesNotFit) {
  const c10::NoGradGuard no_gradients;
  const test_support::TemporaryFolder folder, dump;
  test_support::TransformerFixture("wan").write_model(folder.path());
  Request request = wide_clip();
  request.text_guidance = 1;  // one branch
  request.dump_folder = dump.path() / "run";
  EngineOptions options = on_cpu();
  const auto open = [&] { return Engine::open(folder.path(), options).value_or_throw(); };
  const auto roomy = open();
  const ResolvedRequest resolved = resolve(request, roomy->defaults()).value_or_throw();
  const MemoryPlan whole = roomy->plan(resolved);
  EXPECT_EQ(whole.decode_tile, 0);

  options.memory_limit_bytes = whole.peak_bytes - 1;
  const auto tight = open();
  const MemoryPlan plan = tight->plan(resolved);
  EXPECT_EQ(plan.decode_tile, kDecodeTiles[1]);
  EXPECT_TRUE(plan.fits());
  EXPECT_LT(plan.peak_bytes, whole.peak_bytes);

  const ClipResult clip = tight->generate(request).value_or_throw();
  EXPECT_THAT(clip.warnings, testing::Contains(testing::HasSubstr("tiles")));
  const auto autoencoder =
      pipeline::load_autoencoder(pipeline::read_model_index(folder.path()), at::kFloat, at::kCPU);
  const auto latents =
      weights::load_tensors(request.dump_folder / "latents.safetensors").value_or_throw();
  const auto frames_by = [&](int64_t tile) {
    std::vector<media::Image> frames;
    for (const at::Tensor& frame :
         autoencoder->decode(latents.at("latents"), tile, nullptr).unbind(0)) {
      frames.push_back(pipeline::to_image(frame));
    }
    return frames;
  };
  EXPECT_EQ(clip.frames, frames_by(plan.decode_tile));
  EXPECT_NE(clip.frames, frames_by(pipeline::Autoencoder::kWhole));
}

}  // namespace
}  // namespace zoetrope::engine

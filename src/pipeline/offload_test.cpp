#include "pipeline/offload.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <string>

#include "pipeline/model.h"
#include "pipeline/step_runner.h"
#include "pipeline/transformer_model.h"
#include "support/temporary_folder.h"
#include "support/transformer_fixture.h"

namespace zoetrope::pipeline {
namespace {

using test_support::TransformerFixture;
using testing::ElementsAre;

TEST(OffloadPlanTest, FindsTheBlocksOfEveryFamily) {
  EXPECT_EQ(streamed_block("transformer_blocks.7.attn.to_q.weight"), "transformer_blocks.7");
  EXPECT_EQ(streamed_block("blocks.12.ffn.net.2.weight"), "blocks.12");
  EXPECT_EQ(streamed_block("double_stream_blocks.0.block.ff_i.experts.1.w1"),
            "double_stream_blocks.0");
  for (const char* path : {"proj_out.weight", "caption_projection.3.linear.weight", "blocks.weight",
                           "blocks.3", "blocks.3.attn2.to_k.weight"}) {
    EXPECT_EQ(streamed_block(path), std::nullopt) << path;
  }
}

TEST(OffloadPlanTest, ResidentBlocksAreSpread) {
  const std::vector<int64_t> eight(8, 10);
  EXPECT_EQ(plan_offload(eight, 80)->slot_bytes, 0);
  const OffloadPlan half = plan_offload(eight, 60).value();
  EXPECT_THAT(half.resident, ElementsAre(false, true, false, true, false, true, false, true));
  EXPECT_EQ(half.slot_bytes, 10);
  EXPECT_THAT(plan_offload(eight, 29)->resident, testing::Each(false));
  EXPECT_FALSE(plan_offload(eight, 19));
  EXPECT_EQ(least_offload_bytes(eight), 20);
  EXPECT_EQ(least_offload_bytes({10}), 10);
  EXPECT_EQ(least_offload_bytes({1, 1, 1, 10}), 12);  // the large one stays
}

TEST(OffloadPlanTest, NeverTakesMoreThanItsBudget) {
  std::mt19937 random(testing::UnitTest::GetInstance()->random_seed());
  for (int world = 0; world < 300; ++world) {
    std::vector<int64_t> blocks(1 + random() % 40);
    for (int64_t& bytes : blocks) bytes = 1 + static_cast<int64_t>(random() % 1000);
    const int64_t least = least_offload_bytes(blocks);
    const auto budget = least + static_cast<int64_t>(random() % 20000);
    const auto plan = plan_offload(blocks, budget);
    ASSERT_TRUE(plan);
    EXPECT_LE(plan->device_bytes(), budget);
    EXPECT_FALSE(plan_offload(blocks, least - 1));
    for (size_t i = 0; i < blocks.size(); ++i) {
      if (!plan->resident[i]) {
        EXPECT_LE(blocks[i], plan->slot_bytes);
      }
    }
  }
}

class OffloadTest : public testing::TestWithParam<const char*> {
 protected:
  OffloadTest() : fixture_(GetParam()) {
    fixture_.write_model(folder_.path());
    test_support::add_blocks(folder_.path(), 5);
  }

  at::Tensor latents(std::optional<int64_t> budget_bytes) const {
    ModelIndex index = read_model_index(folder_.path());
    index.placement = {.block_budget_bytes = budget_bytes,
                       .text_encoders_leave = budget_bytes.has_value(),
                       .poison_slots = true};
    const auto model = load_model(index, at::kFloat, at::kCPU);
    StepRunner runner(at::kFloat, at::kCPU, Batching::kApart);
    DenoiseHooks hooks;
    hooks.drive = [&](std::span<DenoiseSession* const> sessions) { runner.run(sessions); };
    const nlohmann::json& request = fixture_.request();
    BundleMap inputs;
    inputs["prompt"].facts = {{"text", request.at("prompt")}, {"negative_text", ""}};
    inputs["noise"].tensors["noise"] = fixture_.tensor("noise").unsqueeze(0);
    inputs["noise"].facts = {{"steps", 3},
                             {"text_guidance", request.at("guidance")},
                             {"true_cfg_scale", 1.0},
                             {"strength", 1.0},
                             {"keep_trajectory", false}};
    Source source = Source::kText;
    if (fixture_.has_picture()) {
      source = Source::kPicture;
      inputs["picture"].tensors["pixels"] = fixture_.tensor("picture");
      inputs["picture"].facts = {{"num_frames", request.value("frames", 1)},
                                 {"width", request.at("width")},
                                 {"height", request.at("height")}};
    }
    return run(model->graph(source), model->roles(hooks), inputs, {})
        .outputs.at("clip")
        .tensor("latents");
  }

  const test_support::TemporaryFolder folder_;
  const TransformerFixture fixture_;
};

TEST_P(OffloadTest, GivesTheBytesOfAllWeightsResident) {
  const c10::NoGradGuard no_gradients;
  const ModelIndex index = read_model_index(folder_.path());
  const std::vector<int64_t> blocks = denoiser_block_bytes(index, at::kFloat).front();
  ASSERT_GE(blocks.size(), 7u);
  const at::Tensor want = latents(std::nullopt);
  EXPECT_TRUE(want.isfinite().all().item<bool>());
  const int64_t least = least_offload_bytes(blocks);
  for (const int64_t budget : {least, least + blocks.back(), least + 2 * blocks.back()}) {
    EXPECT_GT(plan_offload(blocks, budget)->slot_bytes, 0);
    EXPECT_TRUE(at::equal(latents(budget), want)) << budget << " bytes";
  }
  EXPECT_THROW(latents(least - 1), base::Error);
}

INSTANTIATE_TEST_SUITE_P(All, OffloadTest,
                         testing::Values("flux", "hidream", "wan", "wan_two_experts",
                                         "wan_from_picture"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace zoetrope::pipeline

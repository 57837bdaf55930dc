// One pass of each denoiser in an arena (tensor/arena.h): what it takes, and that it is the same.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "pipeline/model.h"
#include "pipeline/step_runner.h"
#include "support/temporary_folder.h"
#include "support/transformer_fixture.h"
#include "tensor/arena.h"

namespace zoetrope::pipeline {
namespace {

using test_support::TransformerFixture;

class ArenaPassTest : public testing::TestWithParam<const char*> {
 protected:
  using Pass = std::function<at::Tensor()>;

  // Calls `look` with the first pass of a run from the fixture's request.
  static void with_first_pass(const std::function<void(const Pass&)>& look) {
    const c10::NoGradGuard no_gradients;
    const test_support::TemporaryFolder folder;
    const TransformerFixture fixture(GetParam());
    fixture.write_model(folder.path());
    const auto model = load_model(read_model_index(folder.path()), at::kFloat, at::kCPU);
    DenoiseHooks hooks;
    hooks.drive = [&](std::span<DenoiseSession* const> sessions) {
      const DenoiseSession& session = *sessions.front();
      const std::vector<at::Tensor> rows(session.branches(), session.latents());
      const at::Tensor sample = at::stack(rows);
      const at::Tensor timestep =
          at::full({session.branches()}, static_cast<float>(session.timestep()));
      look([&] { return session.network().forward(sample, timestep, session.conditioning()); });
      StepRunner(at::kFloat, at::kCPU, Batching::kApart).run(sessions);
    };
    const nlohmann::json& request = fixture.request();
    BundleMap inputs;
    inputs["prompt"].facts = {{"text", request.at("prompt")}, {"negative_text", ""}};
    inputs["noise"].tensors["noise"] = fixture.tensor("noise").unsqueeze(0);
    inputs["noise"].facts = {{"steps", 1},
                             {"text_guidance", request.at("guidance")},
                             {"true_cfg_scale", 1.0},
                             {"strength", 1.0},
                             {"keep_trajectory", false}};
    if (fixture.has_picture()) {
      inputs["picture"].tensors["pixels"] = fixture.tensor("picture");
      inputs["picture"].facts = {{"num_frames", request.value("frames", 1)},
                                 {"width", request.at("width")},
                                 {"height", request.at("height")}};
    }
    const Source source = fixture.has_picture() ? Source::kPicture : Source::kText;
    run(model->graph(source), model->roles(hooks), inputs, {});
  }
};

TEST_P(ArenaPassTest, TheSameBytesWithinFivePercentOfWhatLives) {
  int passes = 0;
  with_first_pass([&](const Pass& pass) {
    ++passes;
    pass();  // what is made once and kept
    at::Tensor want;
    std::vector<tensor::DryRun::Block> blocks;
    {
      const tensor::AllocationRecord record;
      want = pass();
      blocks = record.blocks();
    }
    const tensor::ArenaPlan plan = tensor::plan_arena(blocks, tensor::Arena::kAlignment);
    EXPECT_GT(blocks.size(), 20u);
    EXPECT_GE(plan.bytes, tensor::peak_bytes(blocks));
    // Blocks of tiny models are small beside the alignment.
    for (tensor::DryRun::Block& block : blocks) block.bytes = (block.bytes + 255) / 256 * 256;
    const int64_t peak = tensor::peak_bytes(blocks);
    EXPECT_LE(static_cast<double>(plan.bytes), 1.05 * static_cast<double>(peak));
    for (const auto freed : {tensor::Arena::WhenFreed::kLeave, tensor::Arena::WhenFreed::kPoison}) {
      tensor::Arena arena(plan, freed);
      at::Tensor got;
      {
        const tensor::Arena::Scope scope(arena);
        got = pass();
      }
      EXPECT_TRUE(at::equal(got, want));
      EXPECT_EQ(arena.strays(), 0);
      EXPECT_EQ(arena.placed(), static_cast<int64_t>(blocks.size()));
    }
  });
  EXPECT_EQ(passes, 1);
}

INSTANTIATE_TEST_SUITE_P(All, ArenaPassTest, testing::ValuesIn(TransformerFixture::kNames),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace zoetrope::pipeline

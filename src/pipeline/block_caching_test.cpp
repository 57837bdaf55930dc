// Block caching in whole requests, on a tiny random model: the files beside the model, and what a
// session makes of them.
#include "pipeline/block_caching.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/status.h"
#include "pipeline/roles.h"
#include "pipeline/step_runner.h"
#include "support/random_model.h"
#include "support/temporary_folder.h"
#include "tensor/memory.h"
#include "tensor/noise.h"

namespace zoetrope::pipeline {
namespace {

using test_support::kRandomModelFrames;
using test_support::kRandomModelSize;

constexpr int kSteps = 5;

class BlockCachingTest : public testing::Test {
 protected:
  BlockCachingTest() {
    test_support::write_random_model(folder_.path());
    load();
  }

  void load() {
    components_.emplace(load_components(read_model_index(folder_.path()), at::kFloat, at::kCPU));
  }

  // Every second block changes much, the others little; written into the model's folder and read.
  void use_threshold(double threshold, bool corrected = false) {
    BlockCaching caching{
        .profile = {.blocks = components_->teacher.unet.stacked_blocks(), .change = {}},
        .threshold = threshold,
        .corrections = {}};
    for (int step = 0; step < kSteps; ++step) {
      auto& row = caching.profile.change.emplace_back();
      for (size_t b = 0; b < caching.profile.blocks.size(); ++b) {
        row.push_back(b % 2 == 0 ? 0.4 : 0.1);
      }
    }
    for (size_t b = 0; corrected && b < caching.profile.blocks.size(); ++b) {
      caching.corrections.push_back({at::ones({kSteps, 1}), at::zeros({kSteps, 1})});
    }
    write_block_caching(folder_.path(), caching);
    load();
  }

  DenoiseSession session(uint64_t seed, bool cache_blocks, const RunContext& context = {}) {
    Bundle prompt, picture, noise;
    prompt.facts["text"] = "a rocket taking off";
    picture.tensors["pixels"] = at::full({40, 50, 3}, 100, at::kByte);
    picture.facts = {{"num_frames", kRandomModelFrames},
                     {"width", kRandomModelSize},
                     {"height", kRandomModelSize}};
    noise.tensors["noise"] = tensor::gaussian_noise(
        latent_shape(*components_, kRandomModelFrames, kRandomModelSize, kRandomModelSize), seed, 0,
        0, at::kCPU);
    noise.facts = {{"steps", kSteps},
                   {"image_guidance", 1.5},
                   {"text_guidance", 3.0},
                   {"motion", 0.5},
                   {"fps", 12.0},
                   {"keep_trajectory", false},
                   {"cache_blocks", cache_blocks}};
    return make_session(*components_, noise, text_encode(*components_, prompt),
                        image_encode(*components_, picture), nullptr, {}, context);
  }

  StepRunner runner() { return {components_->dtype, at::kCPU, Batching::kTogether}; }

  at::Tensor latents(uint64_t seed, bool cache_blocks) {
    DenoiseSession one = session(seed, cache_blocks);
    StepRunner steps = runner();
    steps.run(one);
    return one.latents();
  }

  c10::NoGradGuard no_gradients_;
  test_support::TemporaryFolder folder_;
  std::optional<Components> components_;
};

TEST_F(BlockCachingTest, OffOrWithThresholdZeroChangesNoBit) {
  const at::Tensor plain = latents(1, false);
  EXPECT_TRUE(at::equal(latents(1, true), plain)) << "a model without a profile";
  use_threshold(0.0);
  EXPECT_TRUE(at::equal(latents(1, true), plain)) << "threshold 0";
  use_threshold(0.15);
  EXPECT_TRUE(at::equal(latents(1, false), plain)) << "not asked for";
}

TEST_F(BlockCachingTest, CachingChangesTheResultALittle) {
  const at::Tensor plain = latents(1, false);
  use_threshold(0.15);
  EXPECT_TRUE(components_->block_plan->schedule.caches());
  const at::Tensor cached = latents(1, true);
  EXPECT_FALSE(at::equal(cached, plain));
  EXPECT_LE(tensor::relative_l2(cached, plain), 0.5);
  EXPECT_TRUE(at::equal(latents(1, true), cached)) << "again";
}

TEST_F(BlockCachingTest, ACorrectionByOneAndZeroIsNone) {
  use_threshold(0.15);
  const at::Tensor plain = latents(1, true);
  use_threshold(0.15, /*corrected=*/true);
  ASSERT_FALSE(components_->block_plan->corrections.empty());
  EXPECT_TRUE(at::equal(latents(1, true), plain));
}

TEST_F(BlockCachingTest, InterleavedRequestsEqualSoloRuns) {
  use_threshold(0.15);
  const at::Tensor expected_a = latents(1, true), expected_b = latents(2, true);
  const at::Tensor expected_plain = latents(3, false);
  DenoiseSession a = session(1, true), b = session(2, true), plain = session(3, false);
  StepRunner steps = runner();
  DenoiseSession* const only_a[] = {&a};
  DenoiseSession* const all[] = {&b, &plain, &a};
  DenoiseSession* const rest[] = {&plain, &b};
  steps.step(only_a);
  steps.step(only_a);  // a is two steps ahead
  while (!a.done()) steps.step(all);
  while (!b.done()) steps.step(rest);
  EXPECT_TRUE(at::equal(a.latents(), expected_a));
  EXPECT_TRUE(at::equal(b.latents(), expected_b));
  EXPECT_TRUE(at::equal(plain.latents(), expected_plain));
}

TEST_F(BlockCachingTest, ACancelLeavesNothing) {
  use_threshold(10.0);  // keeps every block from the first step on
  StepRunner steps = runner();
  const auto cancelled_run = [&](int64_t* kept) {
    RunContext context;
    DenoiseSession one = session(1, true, context);
    DenoiseSession* const sessions[] = {&one};
    steps.step(sessions);
    *kept = one.block_cache()->kept_bytes();
    context.cancel.cancel();
    EXPECT_THROW(steps.run(one), base::Error);
  };
  int64_t kept = 0;
  cancelled_run(&kept);  // what the runner itself holds on to, once
  const tensor::AllocationPeak memory;
  cancelled_run(&kept);
  EXPECT_GT(kept, 0);
  EXPECT_LT(memory.live_bytes(), kept);
  EXPECT_TRUE(at::equal(latents(1, true), latents(1, true)));
}

TEST_F(BlockCachingTest, RefusesAnotherNumberOfSteps) {
  use_threshold(0.15);
  components_->block_plan = std::make_shared<diffusion::BlockPlan>(diffusion::BlockPlan{
      diffusion::BlockSchedule({.blocks = {"one"}, .change = {{0.0}, {0.0}, {0.0}}}, 1.0), {}});
  EXPECT_THROW(session(1, true), base::Error);
}

TEST_F(BlockCachingTest, RefusalsNameFileAndField) {
  use_threshold(0.15);
  const std::filesystem::path path = folder_.path() / "scheduler" / "block_cache.json";
  const auto expect_refused = [&](const std::string& text, const char* what) {
    std::ofstream(path) << text;
    try {
      load();
      ADD_FAILURE() << text;
    } catch (const base::Error& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("block_cache.json"));
      EXPECT_THAT(error.what(), testing::HasSubstr(what));
    }
  };
  expect_refused("{", "JSON");
  expect_refused(R"({"threshold": 1, "steps": []})", "blocks");
  expect_refused(R"({"threshold": 1, "blocks": ["x"], "steps": []})", "another network");
}

}  // namespace
}  // namespace zoetrope::pipeline

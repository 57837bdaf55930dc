// The measurements on a tiny random model: not their figures, but that they measure what they say.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/status.h"
#include "bench/block_study.h"
#include "bench/ladder.h"
#include "bench/network_study.h"
#include "bench/plain_sampler.h"
#include "bench/solver_study.h"
#include "bench/statistics.h"
#include "pipeline/step_runner.h"
#include "support/random_model.h"
#include "support/temporary_folder.h"
#include "tensor/memory.h"
#include "tensor/tensor.h"

namespace zoetrope::bench {
namespace {

class BenchTest : public testing::Test {
 protected:
  BenchTest() { test_support::write_random_model(folder_.path()); }

  static Question question(int shade = 100) {
    return {"ball", media::Image(50, 40, {static_cast<uint8_t>(shade), 20, 30}), "a ball"};
  }
  std::unique_ptr<Workbench> open(at::ScalarType dtype = at::kFloat) {
    return open_workbench(folder_.path(), dtype, at::kCPU);
  }

  c10::NoGradGuard no_gradients_;
  test_support::TemporaryFolder folder_;
};

at::Tensor by_product(const Workbench& bench, const Scene& scene) {
  pipeline::StepRunner runner(bench.components.dtype, at::kCPU, pipeline::Batching::kApart);
  pipeline::DenoiseSession session = session_of(bench, scene);
  runner.run(session);
  return session.latents();
}

// Every way of using the context, together or apart, is the same computation as the product's.
TEST_F(BenchTest, ThePlainLoopAgreesWithTheProduct) {
  const auto bench = open();
  const Scene scene = make_scene(*bench, question(), 3, 1);
  const at::Tensor expected = by_product(*bench, scene);
  EXPECT_TRUE(at::equal(sample_plainly(*bench, scene, {}), expected));
  for (const ContextUse use :
       {ContextUse::kRepeatedEachStep, ContextUse::kEachStep, ContextUse::kOnce}) {
    const at::Tensor apart =
        sample_plainly(*bench, scene, {.context = use, .branches_together = false});
    EXPECT_LE(tensor::relative_l2(apart, expected), 1e-4) << static_cast<int>(use);
  }
}

// What the ladder's third rung saves: keys and values for every frame, at every step.
TEST_F(BenchTest, ARepeatedContextAllocatesMore) {
  const auto bench = open();
  const Scene scene = make_scene(*bench, question(), 1, 1);
  const auto allocated = [&](ContextUse use) {
    const tensor::AllocationPeak memory;
    sample_plainly(*bench, scene, {.context = use, .branches_together = false});
    return memory.total_bytes();
  };
  EXPECT_GT(allocated(ContextUse::kRepeatedEachStep), allocated(ContextUse::kEachStep));
  EXPECT_GT(allocated(ContextUse::kEachStep), allocated(ContextUse::kOnce));
}

TEST_F(BenchTest, SolverErrorsFallAndTheGridsDiffer) {
  const auto bench = open();
  const Question questions[] = {question()};
  const int steps[] = {3, 12};
  const SolverStudy study = study_solvers(*bench, questions, steps, 40, {}, {});
  ASSERT_EQ(study.curves.size(), 8u);
  for (const SolverCurve& curve : study.curves) {
    ASSERT_EQ(curve.error.size(), 2u);
    EXPECT_LT(curve.error[1], curve.error[0]) << curve.solver << " " << curve.grid;
  }
  EXPECT_LT(study.resolution, study.curves.front().error[1]);
  EXPECT_NE(study.curves[0].error[1], study.curves[4].error[1]);
}

TEST_F(BenchTest, TheProfileSeesWhatChanges) {
  const auto bench = open();
  const Scene scenes[] = {make_scene(*bench, question(), 4, 1)};
  const diffusion::BlockProfile profile = measure_profile(*bench, scenes);
  EXPECT_EQ(profile.blocks, bench->components.teacher.unet.stacked_blocks());
  ASSERT_EQ(profile.steps(), 4);
  for (int step = 1; step < 4; ++step) {
    for (const double change : profile.change[step]) {
      EXPECT_GT(change, 0);
      EXPECT_TRUE(std::isfinite(change));
    }
  }
}

// The fit is the least-squares one: on the scene it was fitted to, what it makes of a kept
// contribution is nearer to the true one than the kept contribution itself.
TEST_F(BenchTest, CorrectionsBringKeptContributionsNearer) {
  const auto bench = open();
  const Scene scenes[] = {make_scene(*bench, question(), 4, 1)};
  const diffusion::BlockSchedule schedule(measure_profile(*bench, scenes),
                                          std::numeric_limits<double>::infinity());
  const auto corrections = fit_corrections(*bench, scenes, schedule);
  ASSERT_EQ(corrections.size(), bench->components.teacher.unet.stacked_blocks().size());

  struct Comparer final : nn::BlockStack {
    const std::vector<diffusion::BlockCorrection>& corrections;
    std::vector<at::Tensor> first;
    int step = 0;
    double kept_error = 0, corrected_error = 0;
    explicit Comparer(const std::vector<diffusion::BlockCorrection>& c)
        : corrections(c), first(c.size()) {}
    at::Tensor run(int64_t index, const at::Tensor& x, const Block& block) override {
      at::Tensor y = block(x);
      const at::Tensor added = y - x;
      if (step == 0) {
        first[index] = added;
      } else if (step < 3) {
        const auto& c = corrections[index];
        kept_error += (first[index] - added).square().sum().item<double>();
        corrected_error +=
            (c.scale[step] * first[index] + c.shift[step] - added).square().sum().item<double>();
      }
      return y;
    }
  };
  Comparer comparer(corrections);
  sample_plainly(*bench, scenes[0],
                 {.stack = &comparer, .before_step = [&](int step) { comparer.step = step; }});
  EXPECT_GT(comparer.kept_error, 0);
  EXPECT_LT(comparer.corrected_error, comparer.kept_error);
}

TEST_F(BenchTest, TheBlockStudyStartsWithoutCaching) {
  const auto bench = open(at::kBFloat16);
  const Scene fitting[] = {make_scene(*bench, question(), 4, 1)};
  const Scene trial[] = {make_scene(*bench, question(200), 4, 2)};
  const double thresholds[] = {0.0, 10.0};
  const BlockStudy study = study_blocks(*bench, fitting, trial, thresholds, {});
  ASSERT_EQ(study.results.size(), 5u);
  EXPECT_TRUE(std::isinf(study.results[0].psnr_db));
  EXPECT_TRUE(std::isinf(study.results[1].psnr_db)) << "threshold 0 is off";
  EXPECT_TRUE(std::isfinite(study.results[3].psnr_db));
  EXPECT_DOUBLE_EQ(study.results[3].share_run, 0.5) << "the first and the last of four steps";
}

TEST_F(BenchTest, TheLadderCountsPassesAndFallsInThem) {
  const Question questions[] = {question(), question(200)};
  LadderOptions options{.model = folder_.path(), .naive_steps = 20, .block_threshold = 0.3};
  const auto without = run_ladder(options, questions, {}, {});
  EXPECT_EQ(without.front().passes(), 60);
  EXPECT_EQ(without.front().dtype, "fp32");
  EXPECT_TRUE(without.front().psnr_db.empty());
  EXPECT_FALSE(without.back().note.empty());
  for (const RungResult& rung : without) {
    if (!rung.note.empty()) continue;
    EXPECT_EQ(rung.denoise_seconds.size(), 2u);
    EXPECT_GT(rung.peak_bytes, 0);
  }
  EXPECT_EQ(without[without.size() - 2].passes(), 45);

  test_support::add_random_student(folder_.path());
  const auto with = run_ladder(options, questions, {}, {});
  EXPECT_TRUE(with.back().note.empty());
  EXPECT_EQ(with.back().passes(), test_support::kRandomStudentSteps);
}

TEST(NetworkStudyTest, EveryRungIsMeasured) {
  const c10::NoGradGuard no_gradients;
  models::AnimateUnetConfig config;  // the shape of I2VGen-XL, small
  config.block_out_channels = {8, 16};
  config.down_block_has_attention = {true, false};
  config.up_block_has_attention = {false, true};
  config.layers_per_block = 1;
  config.norm_num_groups = 2;
  config.cross_attention_dim = 12;
  config.attention_head_dim = 4;
  const auto rungs = study_network(config, {.frames = 3, .latent = 8, .text_tokens = 5},
                                   at::kBFloat16, at::kCPU, 1, {}, {});
  ASSERT_EQ(rungs.size(), 6u);
  EXPECT_EQ(rungs.front().dtype, "fp32");
  for (const NetworkRung& rung : rungs) {
    EXPECT_GT(rung.step_seconds, 0);
    EXPECT_GT(rung.peak_bytes, 0);
  }
  EXPECT_LT(rungs[1].peak_bytes, rungs[0].peak_bytes) << "half the bits";
}

TEST(BenchStatisticsTest, MedianOfEvenAndOdd) {
  EXPECT_EQ(median({3, 1, 2}), 2);
  EXPECT_EQ(median({4, 1, 2, 3}), 2.5);
  EXPECT_EQ(mean({1, 2, 6}), 3);
}

}  // namespace
}  // namespace zoetrope::bench

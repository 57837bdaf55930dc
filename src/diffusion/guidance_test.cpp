#include "diffusion/guidance.h"

#include <gtest/gtest.h>

#include "base/status.h"
#include "tensor/noise.h"

namespace zoetrope::diffusion {
namespace {

at::Tensor random(at::IntArrayRef shape, uint64_t seed) {
  return tensor::gaussian_noise(shape, seed, 0, 0, at::kCPU);
}

std::vector<Conditioning> asked(const GuidancePlan& plan) {
  std::vector<Conditioning> all;
  for (const GuidanceBranch& branch : plan.branches()) all.push_back(branch.conditioning);
  return all;
}

using enum Conditioning;
using Branches = std::vector<Conditioning>;

TEST(GuidancePlanTest, AsksOnlyForBranchesThatCount) {
  EXPECT_EQ(asked(GuidancePlan::image_and_text(1.5, 3.0)), (Branches{kNone, kImage, kFull}));
  EXPECT_EQ(asked(GuidancePlan::image_and_text(1.0, 1.0)), Branches{kFull});
  EXPECT_EQ(asked(GuidancePlan::image_and_text(2.0, 2.0)), (Branches{kNone, kFull}));
  EXPECT_EQ(asked(GuidancePlan::image_and_text(1.0, 3.0)), (Branches{kImage, kFull}));
  EXPECT_EQ(asked(GuidancePlan::image_and_text(1.5, 0.0)), (Branches{kNone, kImage}));
  EXPECT_EQ(asked(GuidancePlan::image_and_text(0.0, 0.0)), Branches{kNone});
  EXPECT_EQ(asked(GuidancePlan::classifier_free(7.5)), (Branches{kNone, kFull}));
  EXPECT_EQ(asked(GuidancePlan::classifier_free(1.0)), Branches{kFull});
}

TEST(GuidancePlanTest, RescalingNeedsTheFullBranch) {
  EXPECT_EQ(asked(GuidancePlan::image_and_text(1.5, 0.0, 0.7)), (Branches{kNone, kImage, kFull}));
  EXPECT_THROW(GuidancePlan::classifier_free(7.5, 1.5), base::Error);
  EXPECT_THROW(GuidancePlan::classifier_free(7.5, -0.1), base::Error);
}

TEST(GuidanceTest, ThreeWayFollowsItsDefinition) {
  const at::Tensor none = random({2, 3, 4}, 1);
  const at::Tensor image = random({2, 3, 4}, 2);
  const at::Tensor full = random({2, 3, 4}, 3);
  const at::Tensor guided =
      GuidancePlan::image_and_text(1.5, 3.0).combine(at::cat({none, image, full}));
  const at::Tensor expected = none + 1.5 * (image - none) + 3.0 * (full - image);
  EXPECT_LE(tensor::relative_l2(guided, expected), 1e-6);
}

TEST(GuidanceTest, EqualScalesAreOrdinaryGuidance) {
  const at::Tensor stacked = at::cat({random({2, 5}, 1), random({2, 5}, 3)});
  EXPECT_TRUE(at::equal(GuidancePlan::image_and_text(2.5, 2.5).combine(stacked),
                        GuidancePlan::classifier_free(2.5).combine(stacked)));
}

TEST(GuidanceTest, OneBranchPassesThrough) {
  const at::Tensor full = random({2, 5}, 3);
  EXPECT_TRUE(at::equal(GuidancePlan::image_and_text(1.0, 1.0).combine(full), full));
  EXPECT_TRUE(at::equal(GuidancePlan::image_and_text(1.0, 1.0, 0.7).combine(full), full));
}

TEST(GuidanceTest, HalfPrecisionIsCombinedInFp32) {
  const at::Tensor stacked = random({4, 50}, 1).to(at::kBFloat16);
  const at::Tensor guided = GuidancePlan::classifier_free(7.5).combine(stacked);
  EXPECT_EQ(guided.scalar_type(), at::kFloat);
  EXPECT_TRUE(
      at::equal(guided, GuidancePlan::classifier_free(7.5).combine(stacked.to(at::kFloat))));
}

// Full rescaling gives every sample of the batch the spread of its own full branch.
TEST(GuidanceTest, RescalingRestoresTheSpread) {
  const at::Tensor none = random({3, 400}, 1);
  const at::Tensor full = random({3, 400}, 3) * at::tensor({0.5f, 1.0f, 4.0f}).unsqueeze(1);
  const at::Tensor stacked = at::cat({none, full});
  const auto spread = [](const at::Tensor& x) {
    return at::std(x, at::IntArrayRef({1}), /*unbiased=*/true);
  };
  const at::Tensor plain = GuidancePlan::classifier_free(7.5).combine(stacked);
  const at::Tensor whole = GuidancePlan::classifier_free(7.5, 1.0).combine(stacked);
  EXPECT_LE(tensor::relative_l2(spread(whole), spread(full)), 1e-6);
  const at::Tensor part = GuidancePlan::classifier_free(7.5, 0.7).combine(stacked);
  EXPECT_LE(tensor::relative_l2(part, whole * 0.7 + plain * 0.3), 1e-6);
}

TEST(GuidanceTest, RefusesABrokenBatch) {
  EXPECT_THROW(GuidancePlan::classifier_free(7.5).combine(random({3, 4}, 1)), base::Error);
}

}  // namespace
}  // namespace zoetrope::diffusion

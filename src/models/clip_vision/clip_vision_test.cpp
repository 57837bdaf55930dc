#include "models/clip_vision/clip_vision.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "base/status.h"
#include "models/clip_vision/preprocess.h"
#include "models/test_support.h"

namespace zoetrope::models {
namespace {

class ClipVisionParity : public testing::TestWithParam<at::ScalarType> {};

TEST_P(ClipVisionParity, EqualsTransformers) {
  const Fixture fixture("clip/vision");
  auto source = fixture.source(GetParam());
  const ClipVision model(weights::Scope(source), ClipVisionConfig::from_json(fixture.config()));
  EXPECT_TRUE(source.expect_all_used().ok()) << source.expect_all_used().message();

  const c10::InferenceMode inference;
  const at::Tensor embeds = model(fixture["images"]);
  EXPECT_EQ(embeds.scalar_type(), GetParam());
  fixture.expect_near(embeds, "image_embeds");
}

TEST_P(ClipVisionParity, WithoutProjectionEqualsTransformers) {
  const Fixture fixture("clip/vision_plain");
  auto source = fixture.generated(GetParam());
  const ClipVision model(weights::Scope(source), ClipVisionConfig::from_json(fixture.config()));
  EXPECT_TRUE(source.expect_all_used().ok()) << source.expect_all_used().message();

  const c10::InferenceMode inference;
  const at::Tensor images = fixture["images"].to(at::kFloat);
  fixture.expect_near(model(images), "pooled");
  fixture.expect_near(model.penultimate(images), "penultimate");
}

INSTANTIATE_TEST_SUITE_P(All, ClipVisionParity, kDtypes);

ClipVisionConfig small() {
  ClipVisionConfig c;
  c.encoder = {
      .hidden_size = 32, .intermediate_size = 64, .num_hidden_layers = 2, .num_attention_heads = 4};
  c.image_size = 28;
  c.patch_size = 7;
  c.projection_dim = 16;
  return c;
}

TEST(ClipVision, GradientsReachEveryParameter) {
  TrainedSource source;
  const ClipVision model(weights::Scope(source), small());
  model(at::rand({2, 28, 28, 3})).square().mean().backward();
  source.expect_gradients();
}

TEST(ClipVision, RefusesPicturesOfAnotherSize) {
  weights::RandomSource source(1);
  const ClipVision model(weights::Scope(source), small());
  EXPECT_THROW(model(at::rand({1, 28, 27, 3})), base::Error);
}

TEST(ClipVisionConfig, RefusesWhatCannotBe) {
  EXPECT_THROW(ClipVisionConfig::from_json(json_object({{"patch_size", 0}})), base::Error);
  EXPECT_THROW(ClipVisionConfig::from_json(json_object({{"image_size", 3}})), base::Error);
}

TEST(ClipPreprocess, EqualsTransformersProcessor) {
  const Fixture fixture("clip/vision");
  const auto statistics =
      ClipImageStatistics::from_json(json_object({{"image_std", {0.25, 0.5, 0.3}}}));
  const at::Tensor prepared = clip_preprocess(fixture["picture"], statistics);
  EXPECT_LE(relative_error(prepared, fixture["preprocessed"]), kFp32Tolerance);
}

TEST(ClipPreprocess, RefusesStatisticsOfOtherForms) {
  EXPECT_THROW(ClipImageStatistics::from_json(json_object({{"image_mean", {0.5}}})), base::Error);
  EXPECT_THROW(ClipImageStatistics::from_json(json_object({{"image_std", {1.0, 0.0, 1.0}}})),
               base::Error);
}

}  // namespace
}  // namespace zoetrope::models

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <tuple>

#include "models/denoiser_testing.h"
#include "models/wan/config.h"
#include "nn/tap.h"
#include "weights/random_source.h"

namespace zoetrope::models {
namespace {

using Case = std::tuple<std::string, at::ScalarType>;

class WanParity : public testing::TestWithParam<Case> {};

TEST_P(WanParity, EqualsDiffusers) {
  const auto& [name, dtype] = GetParam();
  const Fixture fixture("wan/" + name);
  auto source = fixture.generated(dtype);
  const auto model = make_denoiser(fixture.config(), weights::Scope(source));
  EXPECT_TRUE(source.expect_all_used().ok()) << source.expect_all_used().message();

  const c10::InferenceMode inference;
  weights::ParameterMap inputs = {{"text", fixture["text"].to(dtype)}};
  const auto config = WanConfig::from_json(fixture.config());
  if (config.image_channels() > 0) inputs["image"] = fixture["image"].to(dtype);
  if (config.image_dim > 0) inputs["image_embeddings"] = fixture["image_embeddings"].to(dtype);
  const at::Tensor noise = fixture["noise"].to(dtype);
  at::Tensor first_block;
  const nn::TapSink taps([&](const std::string& path, const at::Tensor& value) {
    if (path == "blocks.0") first_block = value;
  });
  const at::Tensor sample = model->forward(noise, fixture["timestep"],
                                           model->condition(inputs, DenoiserCall::shape_of(noise)));
  EXPECT_EQ(sample.scalar_type(), dtype);
  fixture.expect_near(first_block, "blocks.0");
  fixture.expect_near(sample, "sample");
}

INSTANTIATE_TEST_SUITE_P(
    All, WanParity,
    testing::Combine(testing::Values("text", "picture", "picture_clip", "two_pictures"), kDtypes));

nlohmann::json small() {
  return {{"_class_name", "WanTransformer3DModel"},
          {"num_attention_heads", 2},
          {"attention_head_dim", 12},
          {"in_channels", 9},
          {"out_channels", 4},
          {"text_dim", 6},
          {"freq_dim", 8},
          {"ffn_dim", 16},
          {"num_layers", 3},
          {"image_dim", 8},
          {"added_kv_proj_dim", 24}};
}

struct SmallWan : DenoiserCall {
  SmallWan() {
    network = make_denoiser(json_object(small()), weights::Scope(source));
    inputs = {{"text", at::randn({2, 7, 6})},
              {"image", at::randn({2, 3, 4, 6, 5})},
              {"image_embeddings", at::randn({2, 5, 8})}};
    sample = at::randn({2, 3, 4, 6, 4});
    timestep = at::full({2}, 700.0);
  }
  weights::RandomSource source{1};
};

TEST(Wan, HandsEveryBlockToTheStack) { expect_blocks_on_the_stack(SmallWan(), 3); }

TEST(Wan, RowsOfABatchAreIndependent) { expect_rows_apart(SmallWan()); }

TEST(Wan, RefusalsNameTheInput) {
  const SmallWan wan;
  for (const auto* name : {"text", "image", "image_embeddings"}) {
    EXPECT_THAT(wan.refusal_of(name, wan.inputs.at(name).narrow(-1, 0, 2)),
                testing::HasSubstr(std::string("'") + name + "' has"));
    EXPECT_EQ(wan.refusal_of(name, {}), std::string("wan: the input '") + name + "' is missing");
  }
}

TEST(Wan, RefusalsNameSizeAndMultiple) {
  const SmallWan wan;
  EXPECT_EQ(wan.refusal_of({3, 5, 6, 4}),
            "wan: latent height must be a positive multiple of 2, not 5");
  EXPECT_EQ(wan.refusal_of({3, 4, 7, 4}),
            "wan: latent width must be a positive multiple of 2, not 7");
  EXPECT_EQ(wan.refusal_of({3, 4, 6, 5}), "wan: latents have 5 channels, the network's have 4");
}

TEST(WanConfig, DefaultsAreWan21FromText) {
  const auto c = WanConfig::from_json(json_object({{"image_dim", nullptr}}));
  EXPECT_EQ(c.width(), 5120);
  EXPECT_EQ(c.image_channels(), 0);
  EXPECT_THAT(c.rotary_widths(), testing::ElementsAre(44, 42, 42));
}

TEST(WanConfig, RefusalsNameTheField) {
  expect_refusals<WanConfig>(small(), {{{"patch_size", {2, 2}}},
                                       {{"patch_size", {1, 0, 2}}},
                                       {{"num_attention_heads", 0}},
                                       {{"attention_head_dim", 7}},
                                       {{"in_channels", 3}},
                                       {{"ffn_dim", 0}},
                                       {{"freq_dim", 3}},
                                       {{"eps", 0.0}},
                                       {{"image_dim", -1}},
                                       {{"added_kv_proj_dim", 5}},
                                       {{"qk_norm", "layer_norm"}},
                                       {{"cross_attn_norm", false}},
                                       {{"text_dim", "wide"}}});
}

}  // namespace
}  // namespace zoetrope::models

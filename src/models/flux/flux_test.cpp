#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <tuple>

#include "models/denoiser_testing.h"
#include "models/flux/config.h"
#include "nn/tap.h"

namespace zoetrope::models {
namespace {

// The network of a fixture with the fixture's inputs.
struct Loaded : DenoiserCall {
  Loaded(const std::string& name, at::ScalarType dtype)
      : fixture("flux/" + name), source(fixture.generated(dtype)) {
    network = make_denoiser(fixture.config(), weights::Scope(source));
    sample = fixture["sample"].to(dtype);
    timestep = fixture["timestep"];
    inputs = {{"text", fixture["text"].to(dtype)},
              {"pooled_text", fixture["pooled_text"].to(dtype)}};
    if (name == "dev") inputs["guidance"] = fixture["guidance"].to(dtype);
  }

  Fixture fixture;
  GeneratedSource source;
};

using Case = std::tuple<std::string, at::ScalarType>;

class FluxParity : public testing::TestWithParam<Case> {};

TEST_P(FluxParity, EqualsDiffusers) {
  const auto& [name, dtype] = GetParam();
  const Loaded flux(name, dtype);
  EXPECT_TRUE(flux.source.expect_all_used().ok()) << flux.source.expect_all_used().message();

  const c10::InferenceMode inference;
  std::map<std::string, at::Tensor> taps;
  const nn::TapSink sink(
      [&](const std::string& path, const at::Tensor& value) { taps[path] = value; });
  const at::Tensor prediction = flux.run();
  EXPECT_EQ(prediction.scalar_type(), dtype);
  flux.fixture.expect_near(taps.at(name == "dev" ? "transformer_blocks.1" : "transformer_blocks.0"),
                           "double");
  flux.fixture.expect_near(taps.at("single_transformer_blocks.0"), "single");
  flux.fixture.expect_near(prediction, "prediction");
}

INSTANTIATE_TEST_SUITE_P(All, FluxParity,
                         testing::Combine(testing::Values("dev", "schnell"), kDtypes));

TEST(Flux, ARowDoesNotDependOnTheOthers) { expect_rows_apart(Loaded("dev", at::kFloat)); }

TEST(Flux, EveryBlockRunsThroughTheStack) {
  expect_blocks_on_the_stack(Loaded("dev", at::kFloat), 5);
}

TEST(Flux, RefusesLatentsItCannotPatch) {
  const Loaded flux("dev", at::kFloat);
  EXPECT_EQ(flux.refusal_of({1, 5, 10, 4}),
            "flux: latents of 5 x 10: height and width must be positive multiples of 2");
  EXPECT_EQ(flux.refusal_of({1, 6, 7, 4}),
            "flux: latents of 6 x 7: height and width must be positive multiples of 2");
  EXPECT_EQ(flux.refusal_of({2, 6, 10, 4}), "flux: 2 frames of latents, it makes single pictures");
  EXPECT_EQ(flux.refusal_of({1, 6, 10, 16}), "flux: latents of 16 channels, the network takes 4");

  const auto conditioning = flux.condition();
  EXPECT_THAT(refusal([&] {
                flux.network->forward(flux.sample.narrow(2, 0, 4), flux.timestep, conditioning);
              }),
              testing::HasSubstr("another number of patches"));
}

TEST(Flux, RefusalsNameTheInput) {
  const Loaded flux("dev", at::kFloat);
  const auto with = [&](const std::string& name, const at::Tensor& value) {
    return flux.refusal_of(name, value);
  };
  for (const char* name : {"text", "pooled_text", "guidance"}) {
    EXPECT_EQ(with(name, {}), "flux: the input '" + std::string(name) + "' is missing");
  }
  EXPECT_EQ(with("text", at::zeros({2, 7, 19})),
            "flux: the input 'text' has the shape [2, 7, 19], not [-1, -1, 20] (-1: any)");
  EXPECT_THAT(with("text", at::zeros({2, 0, 20})), testing::HasSubstr("'text' has the shape"));
  EXPECT_THAT(with("pooled_text", at::zeros({3, 12})), testing::HasSubstr("'pooled_text' has"));
  EXPECT_THAT(with("guidance", at::zeros({2, 1})), testing::HasSubstr("'guidance' has the shape"));
}

TEST(FluxConfig, RefusalsNameTheField) {
  const nlohmann::json good = {{"_class_name", "FluxTransformer2DModel"},
                               {"out_channels", nullptr}};
  EXPECT_EQ(FluxConfig::from_json(json_object(good)).out_channels, 64);
  expect_refusals<FluxConfig>(good, {{{"in_channels", 0}},
                                     {{"num_layers", -1}},
                                     {{"guidance_embeds", "yes"}},
                                     {{"patch_size", 2}},
                                     {{"attention_head_dim", 64}, {"axes_dims_rope", {16, 56, 56}}},
                                     {{"axes_dims_rope", {64, 64}}},
                                     {{"axes_dims_rope", {15, 57, 56}}}});
  nlohmann::json odd = good;
  odd["in_channels"] = 66;
  weights::RandomSource source(1);
  EXPECT_THAT(refusal([&] { make_denoiser(json_object(odd), weights::Scope(source)); }),
              testing::HasSubstr("config.json: in_channels must be a multiple of 4"));
}

}  // namespace
}  // namespace zoetrope::models

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <tuple>
#include <vector>

#include "base/status.h"
#include "models/denoiser.h"
#include "models/flux/config.h"
#include "models/test_support.h"
#include "nn/tap.h"

namespace zoetrope::models {
namespace {

Denoiser::LatentShape shape_of(const at::Tensor& sample) {
  return {sample.size(1), sample.size(2), sample.size(3), sample.size(4)};
}

// The network of a fixture with the fixture's inputs.
struct Loaded {
  Loaded(const std::string& name, at::ScalarType dtype)
      : fixture("flux/" + name),
        source(fixture.generated(dtype)),
        network(make_denoiser(fixture.config(), weights::Scope(source))),
        sample(fixture["sample"].to(dtype)),
        timestep(fixture["timestep"]) {
    inputs = {{"text", fixture["text"].to(dtype)},
              {"pooled_text", fixture["pooled_text"].to(dtype)}};
    if (name == "dev") inputs["guidance"] = fixture["guidance"].to(dtype);
  }
  at::Tensor run(nn::BlockStack* stack = nullptr) const {
    return network->forward(sample, timestep, network->condition(inputs, shape_of(sample)), stack);
  }

  Fixture fixture;
  GeneratedSource source;
  std::unique_ptr<Denoiser> network;
  weights::ParameterMap inputs;
  at::Tensor sample, timestep;
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

TEST(Flux, ARowDoesNotDependOnTheOthers) {
  const Loaded flux("dev", at::kFloat);
  const c10::InferenceMode inference;
  const at::Tensor together = flux.run();
  const auto conditioning = flux.network->condition(flux.inputs, shape_of(flux.sample));
  for (int64_t i = 0; i < 2; ++i) {
    DenoiserConditioning one{{}, conditioning.shared};
    for (const at::Tensor& row : conditioning.rows) one.rows.push_back(row.narrow(0, i, 1));
    const at::Tensor alone =
        flux.network->forward(flux.sample.narrow(0, i, 1), flux.timestep.narrow(0, i, 1), one);
    EXPECT_LE(relative_error(alone, together.narrow(0, i, 1)), kFp32Tolerance) << i;
  }
}

TEST(Flux, EveryBlockRunsThroughTheStack) {
  // Leaves out the block `skipped`.
  class Stack final : public nn::BlockStack {
   public:
    explicit Stack(int64_t skipped) : skipped_(skipped) {}
    at::Tensor run(int64_t index, const at::Tensor& x, const Block& block) override {
      indices.push_back(index);
      return index == skipped_ ? x : block(x);
    }
    std::vector<int64_t> indices;

   private:
    int64_t skipped_;
  };
  const Loaded flux("dev", at::kFloat);
  const c10::InferenceMode inference;
  const at::Tensor plain = flux.run();
  Stack all(-1);
  EXPECT_TRUE(at::equal(flux.run(&all), plain));
  EXPECT_THAT(all.indices, testing::ElementsAre(0, 1, 2, 3, 4));
  for (int64_t i = 0; i < 5; ++i) {
    Stack without(i);
    EXPECT_GT(relative_error(flux.run(&without), plain), 1e-3) << i;
  }
}

// Calls `function` and returns what it refuses.
template <typename Function>
std::string refusal(const Function& function) {
  try {
    function();
  } catch (const base::Error& error) {
    return error.what();
  }
  return "nothing was refused";
}

TEST(Flux, RefusesLatentsItCannotPatch) {
  const Loaded flux("dev", at::kFloat);
  const auto with = [&](Denoiser::LatentShape shape) {
    return refusal([&] { flux.network->condition(flux.inputs, shape); });
  };
  EXPECT_EQ(with({1, 5, 10, 4}),
            "flux: latents of 5 x 10: height and width must be positive multiples of 2");
  EXPECT_EQ(with({1, 6, 7, 4}),
            "flux: latents of 6 x 7: height and width must be positive multiples of 2");
  EXPECT_EQ(with({2, 6, 10, 4}), "flux: 2 frames of latents, it makes single pictures");
  EXPECT_EQ(with({1, 6, 10, 16}), "flux: latents of 16 channels, the network takes 4");

  const auto conditioning = flux.network->condition(flux.inputs, shape_of(flux.sample));
  EXPECT_THAT(refusal([&] {
                flux.network->forward(flux.sample.narrow(2, 0, 4), flux.timestep, conditioning);
              }),
              testing::HasSubstr("another number of patches"));
}

TEST(Flux, RefusalsNameTheInput) {
  const Loaded flux("dev", at::kFloat);
  const auto with = [&](const std::string& name, const at::Tensor& value) {
    weights::ParameterMap inputs = flux.inputs;
    inputs.erase(name);
    if (value.defined()) inputs[name] = value;
    return refusal([&] { flux.network->condition(inputs, shape_of(flux.sample)); });
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
  const nlohmann::json bad[] = {{{"in_channels", 0}},
                                {{"num_layers", -1}},
                                {{"guidance_embeds", "yes"}},
                                {{"patch_size", 2}},
                                {{"attention_head_dim", 64}, {"axes_dims_rope", {16, 56, 56}}},
                                {{"axes_dims_rope", {64, 64}}},
                                {{"axes_dims_rope", {15, 57, 56}}}};
  for (const auto& changes : bad) {
    nlohmann::json json = good;
    json.update(changes);
    const std::string message = refusal([&] { FluxConfig::from_json(json_object(json)); });
    EXPECT_THAT(message, testing::HasSubstr(changes.begin().key()));
    EXPECT_THAT(message, testing::HasSubstr("config.json"));
  }
  nlohmann::json odd = good;
  odd["in_channels"] = 66;
  weights::RandomSource source(1);
  EXPECT_THAT(refusal([&] { make_denoiser(json_object(odd), weights::Scope(source)); }),
              testing::HasSubstr("config.json: in_channels must be a multiple of 4"));
}

}  // namespace
}  // namespace zoetrope::models

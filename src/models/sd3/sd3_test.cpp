#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <tuple>

#include "models/denoiser_testing.h"
#include "models/sd3/config.h"
#include "nn/tap.h"

namespace zoetrope::models {
namespace {

// The network of a fixture, with the inputs of one of its cases.
struct Loaded : DenoiserCall {
  Loaded(const std::string& name, const std::string& case_name, at::ScalarType dtype)
      : fixture("sd3/" + name), prefix(case_name + "."), source(fixture.generated(dtype)) {
    network = make_denoiser(fixture.config(), weights::Scope(source));
    sample = fixture[prefix + "sample"].to(dtype);
    timestep = fixture[prefix + "timestep"];
    for (const char* input : {"clip", "text", "pooled_text"}) {
      inputs[input] = fixture[prefix + input].to(dtype);
    }
  }

  Fixture fixture;
  std::string prefix;
  GeneratedSource source;
};

struct Case {
  const char *fixture, *name;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.fixture << " " << c.name; }

class Sd3Parity : public testing::TestWithParam<std::tuple<Case, at::ScalarType>> {};

TEST_P(Sd3Parity, EqualsDiffusers) {
  const auto& [which, dtype] = GetParam();
  const Loaded sd3(which.fixture, which.name, dtype);
  EXPECT_TRUE(sd3.source.expect_all_used().ok()) << sd3.source.expect_all_used().message();

  const c10::InferenceMode inference;
  std::map<std::string, at::Tensor> taps;
  const nn::TapSink sink(
      [&](const std::string& path, const at::Tensor& value) { taps[path] = value; });
  const at::Tensor flow = sd3.run();
  EXPECT_EQ(flow.scalar_type(), dtype);
  sd3.fixture.expect_near(taps.at("transformer_blocks.0"), sd3.prefix + "block");
  sd3.fixture.expect_near(flow, sd3.prefix + "flow");
}

// The networks of 3.5 medium (dual attention), 3.5 large (normalised queries and keys) and 3 are
// cases of one.
INSTANTIATE_TEST_SUITE_P(
    All, Sd3Parity,
    testing::Combine(testing::Values(Case{"medium", "square"}, Case{"medium", "wide"},
                                     Case{"medium", "largest"}, Case{"first", "high"}),
                     kDtypes));

TEST(Sd3, ARowDoesNotDependOnTheOthers) { expect_rows_apart(Loaded("medium", "wide", at::kFloat)); }

TEST(Sd3, EveryBlockRunsThroughTheStack) {
  expect_blocks_on_the_stack(Loaded("medium", "square", at::kFloat), 3);
}

TEST(Sd3, RefusesLatentsItCannotPatch) {
  const Loaded sd3("medium", "square", at::kFloat);
  EXPECT_EQ(sd3.refusal_of({1, 5, 8, 3}),
            "sd3: latents of 5 x 8: sides must be multiples of 2 and at most 14");
  EXPECT_EQ(sd3.refusal_of({1, 4, 16, 3}),
            "sd3: latents of 4 x 16: sides must be multiples of 2 and at most 14");
  EXPECT_EQ(sd3.refusal_of({2, 4, 8, 3}), "sd3: 2 frames of latents, it makes single pictures");
  EXPECT_EQ(sd3.refusal_of({1, 4, 8, 4}), "sd3: latents of 4 channels, the network takes 3");
  const auto conditioning = sd3.condition();
  EXPECT_THAT(refusal([&] {
                sd3.network->forward(sd3.sample.narrow(2, 0, 2), sd3.timestep, conditioning);
              }),
              testing::HasSubstr("another number of patches"));
}

TEST(Sd3, RefusalsNameTheInput) {
  const Loaded sd3("medium", "square", at::kFloat);
  const auto with = [&](const std::string& name, const at::Tensor& value) {
    return sd3.refusal_of(name, value);
  };
  for (const char* name : {"clip", "text", "pooled_text"}) {
    EXPECT_EQ(with(name, {}), "sd3: the input '" + std::string(name) + "' is missing");
  }
  EXPECT_THAT(with("text", at::zeros({2, 7, 19})), testing::HasSubstr("'text' has the shape"));
  EXPECT_THAT(with("pooled_text", at::zeros({3, 12})), testing::HasSubstr("'pooled_text' has"));
  EXPECT_EQ(with("clip", at::zeros({2, 7, 21})),
            "sd3: the input 'clip' has 21 channels, joint_attention_dim is 20");
}

TEST(Sd3Config, RefusalsNameTheField) {
  const nlohmann::json good = {{"qk_norm", nullptr}, {"in_channels", 4}, {"out_channels", nullptr}};
  EXPECT_EQ(Sd3Config::from_json(json_object(good)).out_channels, 4);
  expect_refusals<Sd3Config>(good, {{{"patch_size", 0}},
                                    {{"num_layers", -1}},
                                    {{"pos_embed_max_size", 0}},
                                    {{"caption_projection_dim", 1536}},
                                    {{"dual_attention_layers", {0, 18}}},
                                    {{"dual_attention_layers", 3}},
                                    {{"qk_norm", "layer_norm"}}});
}

}  // namespace
}  // namespace zoetrope::models

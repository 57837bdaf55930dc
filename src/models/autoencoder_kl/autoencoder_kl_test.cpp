#include "models/autoencoder_kl/autoencoder_kl.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <tuple>

#include "base/status.h"
#include "models/test_support.h"

namespace zoetrope::models {
namespace {

using Case = std::tuple<std::string, at::ScalarType>;

class AutoencoderParity : public testing::TestWithParam<Case> {};

TEST_P(AutoencoderParity, EqualsDiffusers) {
  const auto& [name, dtype] = GetParam();
  const Fixture fixture("autoencoder_kl/" + name);
  auto source = fixture.source(dtype);
  const AutoencoderKl model(weights::Scope(source),
                            AutoencoderKlConfig::from_json(fixture.config()));
  EXPECT_TRUE(source.expect_all_used().ok()) << source.expect_all_used().message();

  const c10::InferenceMode inference;
  const auto [mean, logvar] = model.encode(fixture["images"]);
  EXPECT_EQ(mean.scalar_type(), dtype);
  fixture.expect_near(mean, "mean");
  fixture.expect_near(logvar, "logvar");
  fixture.expect_near(model.decode(fixture["latents"]), "decoded");
}

INSTANTIATE_TEST_SUITE_P(All, AutoencoderParity,
                         testing::Combine(testing::Values("sd1", "sd3", "bundled"), kDtypes));

class FluxAutoencoderParity : public testing::TestWithParam<at::ScalarType> {};

TEST_P(FluxAutoencoderParity, EqualsDiffusersAtTheDenoisersScale) {
  const Fixture fixture("autoencoder_kl/flux");
  auto source = fixture.generated(GetParam());
  const AutoencoderKl model(weights::Scope(source),
                            AutoencoderKlConfig::from_json(fixture.config()));
  EXPECT_TRUE(source.expect_all_used().ok()) << source.expect_all_used().message();

  const c10::InferenceMode inference;
  const at::Tensor latents = model.normalise(model.encode(fixture["images"]).mean);
  fixture.expect_near(latents.to(GetParam()), "latents_of_images");
  fixture.expect_near(model.decode(model.denormalise(fixture["latents"])), "decoded");
}

INSTANTIATE_TEST_SUITE_P(All, FluxAutoencoderParity, kDtypes);

AutoencoderKlConfig small() {
  AutoencoderKlConfig c;
  c.block_out_channels = {8, 16};
  c.norm_num_groups = 4;
  return c;
}

// Same request, same bytes, alone or among others. In fp32 ATen picks another convolution for one
// small picture than for several, so there a request has two.
class AutoencoderBatch : public testing::TestWithParam<at::ScalarType> {};

TEST_P(AutoencoderBatch, ChangesNoBytes) {
  weights::RandomSource source(1, GetParam());
  const AutoencoderKl model(weights::Scope(source), small());
  const c10::InferenceMode inference;
  const int64_t each = GetParam() == at::kFloat ? 2 : 1;
  const at::Tensor images = at::rand({3 * each, 32, 32, 3}) * 2 - 1;
  const at::Tensor latents = at::randn({3 * each, 16, 16, 4});
  const at::Tensor means = model.encode(images).mean;
  const at::Tensor decoded = model.decode(latents);
  for (int64_t i = 0; i < 3 * each; i += each) {
    EXPECT_TRUE(at::equal(model.encode(images.narrow(0, i, each)).mean, means.narrow(0, i, each)));
    EXPECT_TRUE(at::equal(model.decode(latents.narrow(0, i, each)), decoded.narrow(0, i, each)));
  }
}

INSTANTIATE_TEST_SUITE_P(All, AutoencoderBatch, kDtypes);

TEST(Autoencoder, NormalisesPerChannelAndBack) {
  AutoencoderKlConfig c = small();
  c.scaling_factor = 0.5;
  c.latents_mean = {1, 2, 3, 4};
  c.latents_std = {1, 2, 4, 8};
  weights::RandomSource source(1);
  const AutoencoderKl model(weights::Scope(source), c);
  const at::Tensor z = at::tensor({2.0f, 4.0f, 7.0f, 20.0f}).view({1, 1, 1, 4});
  const at::Tensor wanted = at::tensor({0.5f, 0.5f, 0.5f, 1.0f}).view({1, 1, 1, 4});
  EXPECT_TRUE(at::equal(model.normalise(z), wanted));
  EXPECT_TRUE(at::equal(model.denormalise(wanted), z));
}

TEST(Autoencoder, ShiftsWhereTheConfigurationHasNoStatistics) {
  AutoencoderKlConfig c = small();
  c.scaling_factor = 2.0;
  c.shift_factor = 0.25;
  weights::RandomSource source(1);
  const AutoencoderKl model(weights::Scope(source), c);
  EXPECT_TRUE(at::equal(model.normalise(at::ones({2, 4})), at::full({2, 4}, 1.5f)));
}

TEST(Autoencoder, ClampsTheLogVariance) {
  weights::RandomSource source(1);
  const AutoencoderKl model(weights::Scope(source), small());
  const c10::InferenceMode inference;
  source.parameters().at("quant_conv.bias").slice(0, 4, 6).fill_(1000.0);
  source.parameters().at("quant_conv.bias").slice(0, 6, 8).fill_(-1000.0);
  const at::Tensor logvar = model.encode(at::rand({1, 16, 16, 3})).logvar;
  EXPECT_EQ(logvar.max().item<float>(), 20.0f);
  EXPECT_EQ(logvar.min().item<float>(), -30.0f);
}

TEST(Autoencoder, GradientsReachEveryParameter) {
  TrainedSource source;
  const AutoencoderKl model(weights::Scope(source), small());
  const auto [mean, logvar] = model.encode(at::rand({2, 16, 16, 3}));
  const at::Tensor z = mean + at::randn_like(mean) * (0.5 * logvar).exp();
  (model.decode(z).square().mean() + logvar.mean()).backward();
  source.expect_gradients();
}

TEST(Autoencoder, RefusesOtherShapesByName) {
  weights::RandomSource source(1);
  const AutoencoderKl model(weights::Scope(source), small());
  EXPECT_THROW(model.encode(at::rand({1, 3, 16, 16})), base::Error);
  EXPECT_THROW(model.decode(at::rand({16, 16, 4})), base::Error);
}

TEST(AutoencoderConfig, SurvivesTheWayThroughJson) {
  AutoencoderKlConfig c = small();
  c.shift_factor = 0.5;
  c.latents_mean = {1, 2, 3, 4};
  c.latents_std = {1, 2, 3, 4};
  c.use_quant_conv = false;
  const nlohmann::json json = c.to_json();
  const auto read = AutoencoderKlConfig::from_json(json_object(json));
  EXPECT_EQ(read.to_json(), json);
  EXPECT_EQ(read.latents_std, c.latents_std);
  EXPECT_FALSE(read.use_quant_conv);
}

TEST(AutoencoderConfig, RefusalsNameTheField) {
  expect_refusals<AutoencoderKlConfig>(small().to_json(),
                                       {{{"latent_channels", 0}},
                                        {{"layers_per_block", -1}},
                                        {{"norm_num_groups", 3}},
                                        {{"block_out_channels", nlohmann::json::array()}},
                                        {{"scaling_factor", 0.0}},
                                        {{"latents_mean", {1.0}}},
                                        {{"latents_std", {1.0, 1.0, 1.0, 1.0}}},
                                        {{"down_block_types", {"AttnDownEncoderBlock2D", "x"}}},
                                        {{"up_block_types", {"UpDecoderBlock2D"}}},
                                        {{"act_fn", "relu"}}});
}

}  // namespace
}  // namespace zoetrope::models

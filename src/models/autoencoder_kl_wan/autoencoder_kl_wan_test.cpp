#include "models/autoencoder_kl_wan/autoencoder_kl_wan.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/status.h"
#include "models/test_support.h"
#include "tensor/memory.h"
#include "weights/random_source.h"

namespace zoetrope::models {
namespace {

using Case = std::tuple<std::string, at::ScalarType>;

class AutoencoderWanParity : public testing::TestWithParam<Case> {};

TEST_P(AutoencoderWanParity, EqualsDiffusers) {
  const auto& [name, dtype] = GetParam();
  const Fixture fixture("autoencoder_kl_wan/" + name);
  auto source = fixture.generated(dtype);
  const AutoencoderKlWan model(weights::Scope(source),
                               AutoencoderKlWanConfig::from_json(fixture.config()));
  EXPECT_TRUE(source.expect_all_used().ok()) << source.expect_all_used().message();

  const c10::InferenceMode inference;
  const at::Tensor mean = model.encode(fixture["clip"]);
  EXPECT_EQ(mean.scalar_type(), dtype);
  fixture.expect_near(mean, "mean");
  fixture.expect_near(model.decode(fixture["latents"]), "decoded");
  // TILE and OVERLAP of make_autoencoder_wan.py.
  if (name != "wan21") {
    fixture.expect_near(model.decode(fixture["latents"], {.tile = 3, .overlap = 1}), "tiled");
  }
}

INSTANTIATE_TEST_SUITE_P(All, AutoencoderWanParity,
                         testing::Combine(testing::Values("wan21", "pictures", "tiles"), kDtypes));

nlohmann::json small() {
  return {{"base_dim", 4},
          {"z_dim", 2},
          {"dim_mult", {1, 2, 2}},
          {"num_res_blocks", 1},
          {"temperal_downsample", {true, true}},
          {"latents_mean", {0.5, -1.0}},
          {"latents_std", {2.0, 0.25}}};
}

struct SmallAutoencoder {
  weights::RandomSource source{1};
  AutoencoderKlWan model{weights::Scope(source),
                         AutoencoderKlWanConfig::from_json(json_object(small()))};
  c10::InferenceMode inference;
};

TEST(AutoencoderWan, SessionGivesTheFramesOfThePlainDecode) {
  const SmallAutoencoder a;
  const at::Tensor latents = at::randn({2, 4, 3, 5, 2});
  WanDecodeSession session(a.model);
  std::vector<at::Tensor> parts;
  for (int64_t i = 0; i < 4; ++i) {
    parts.push_back(session.next(latents.narrow(1, i, 1)));
    EXPECT_EQ(parts.back().size(1), i == 0 ? 1 : 4);
  }
  EXPECT_TRUE(at::equal(at::cat(parts, 1), a.model.decode(latents)));
}

TEST(AutoencoderWan, EarlierFramesDoNotKnowLaterOnes) {
  const SmallAutoencoder a;
  const at::Tensor clip = at::rand({1, 9, 8, 12, 3}) * 2 - 1;
  EXPECT_TRUE(
      at::equal(a.model.encode(clip.narrow(1, 0, 5)), a.model.encode(clip).narrow(1, 0, 2)));
  const at::Tensor latents = at::randn({1, 3, 2, 3, 2});
  EXPECT_TRUE(
      at::equal(a.model.decode(latents.narrow(1, 0, 2)), a.model.decode(latents).narrow(1, 0, 5)));
}

TEST(AutoencoderWan, MemoryDoesNotGrowWithTheClip) {
  const SmallAutoencoder a;
  const auto decoding = [&](int64_t latent_frames) {
    const at::Tensor latents = at::randn({1, latent_frames, 8, 8, 2});
    const tensor::AllocationPeak peak;
    const at::Tensor clip = a.model.decode(latents);
    return std::pair(peak.peak_bytes(), static_cast<int64_t>(clip.nbytes()));
  };
  const auto [peak5, bytes5] = decoding(2);
  const auto [peak13, bytes13] = decoding(4);
  EXPECT_GT(peak5, 3 * bytes5);  // the peak is the work's, not the result's
  EXPECT_LE(peak13, peak5 + (bytes13 - bytes5));

  const auto encoding = [&](int64_t frames) {
    const at::Tensor clip = at::rand({1, frames, 32, 32, 3});
    const tensor::AllocationPeak peak;
    const at::Tensor latents = a.model.encode(clip);
    return peak.peak_bytes() - 2 * static_cast<int64_t>(latents.nbytes());
  };
  EXPECT_LE(encoding(13), encoding(9));
}

TEST(AutoencoderWan, OneTileIsTheWholePicture) {
  const SmallAutoencoder a;
  const at::Tensor latents = at::randn({1, 2, 3, 5, 2});
  EXPECT_TRUE(
      at::equal(a.model.decode(latents, {.tile = 5, .overlap = 2}), a.model.decode(latents)));
}

TEST(AutoencoderWan, TilesNeedLessMemory) {
  const SmallAutoencoder a;
  const at::Tensor latents = at::randn({1, 2, 16, 16, 2});
  const auto peak_of = [&](int64_t tile) {
    const tensor::AllocationPeak peak;
    a.model.decode(latents, {.tile = tile, .overlap = 1});
    return peak.peak_bytes();
  };
  EXPECT_LT(2 * peak_of(4), peak_of(16));
}

TEST(AutoencoderWan, NormalisesPerChannelAndBack) {
  const SmallAutoencoder a;
  const at::Tensor z = at::tensor({4.5f, -0.5f}).view({1, 1, 1, 1, 2});
  const at::Tensor wanted = at::tensor({2.0f, 2.0f}).view({1, 1, 1, 1, 2});
  EXPECT_TRUE(at::equal(a.model.normalise(z), wanted));
  EXPECT_TRUE(at::equal(a.model.denormalise(wanted), z));
}

TEST(AutoencoderWan, RefusalsNameSizeAndMultiple) {
  const SmallAutoencoder a;
  const auto encoding = [&](at::IntArrayRef shape) {
    return refusal([&] { a.model.encode(at::zeros(shape)); });
  };
  EXPECT_EQ(encoding({1, 4, 8, 8, 3}),
            "wan autoencoder: the number of frames less one must be a multiple of 4, not 3");
  EXPECT_EQ(encoding({1, 1, 6, 8, 3}),
            "wan autoencoder: the height must be a multiple of 4, not 6");
  EXPECT_EQ(encoding({1, 1, 8, 10, 3}),
            "wan autoencoder: the width must be a multiple of 4, not 10");
  EXPECT_THAT(encoding({1, 3, 1, 8, 8}), testing::HasSubstr("the clip must be [b, f, h, w, 3]"));
  EXPECT_THAT(refusal([&] {
                a.model.decode(at::zeros({1, 0, 2, 2, 2}));
              }),
              testing::HasSubstr("latents must be"));
  EXPECT_THAT(refusal([&] {
                a.model.decode(at::zeros({1, 1, 8, 8, 2}), {.tile = 4, .overlap = 4});
              }),
              testing::HasSubstr("overlap"));
  EXPECT_THAT(refusal([&] {
                WanDecodeSession(a.model).next(at::zeros({1, 2, 2, 2, 2}));
              }),
              testing::HasSubstr("one latent frame"));
}

TEST(AutoencoderWanConfig, DefaultsAreWan21) {
  const auto c = AutoencoderKlWanConfig::from_json(json_object({{"patch_size", nullptr}}));
  EXPECT_EQ(c.downscale(), 8);
  EXPECT_EQ(c.frame_downscale(), 4);
  EXPECT_EQ(c.width(3), 384);
}

TEST(AutoencoderWanConfig, RefusalsNameTheField) {
  expect_refusals<AutoencoderKlWanConfig>(small(), {{{"is_residual", true}},
                                                    {{"patch_size", 2}},
                                                    {{"decoder_base_dim", 256}},
                                                    {{"attn_scales", {0.5}}},
                                                    {{"temperal_downsample", {true}}},
                                                    {{"temperal_downsample", {1, 0}}},
                                                    {{"dim_mult", {1, 0, 2}}},
                                                    {{"base_dim", 3}},
                                                    {{"z_dim", 0}},
                                                    {{"in_channels", 0}},
                                                    {{"latents_mean", {0.5}}},
                                                    {{"latents_std", {1.0, 0.0}}}});
}

}  // namespace
}  // namespace zoetrope::models

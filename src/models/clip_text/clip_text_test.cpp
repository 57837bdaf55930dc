#include "models/clip_text/clip_text.h"

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

class ClipTextParity : public testing::TestWithParam<Case> {};

TEST_P(ClipTextParity, EqualsTransformers) {
  const auto& [name, dtype] = GetParam();
  const Fixture fixture("clip/" + name);
  auto source = fixture.source(dtype);
  const auto config = ClipTextConfig::from_json(fixture.config());
  const ClipText model(weights::Scope(source), config);
  EXPECT_TRUE(source.expect_all_used().ok()) << source.expect_all_used().message();

  const c10::InferenceMode inference;
  const at::Tensor hidden = model(fixture["token_ids"]);
  EXPECT_EQ(hidden.scalar_type(), dtype);
  fixture.expect_near(hidden, "hidden");
  fixture.expect_near(model.pooled(hidden, fixture["token_ids"]),
                      config.projection_dim > 0 ? "text_embeds" : "pooled");
}

INSTANTIATE_TEST_SUITE_P(
    All, ClipTextParity,
    testing::Combine(testing::Values("text_sd1", "text_gelu", "text_projection"), kDtypes));

ClipTextConfig small() {
  ClipTextConfig c;
  c.encoder = {.hidden_size = 32,
               .intermediate_size = 64,
               .num_hidden_layers = 2,
               .num_attention_heads = 4,
               .hidden_act = "gelu"};
  c.vocab_size = 40;
  c.max_position_embeddings = 10;
  c.eos_token_id = 2;
  return c;
}

at::Tensor some_ids(int64_t prompts, int64_t tokens) {
  return at::arange(prompts * tokens).view({prompts, tokens}).mul(7).remainder(40);
}

// Same prompt, same bytes, alone or among others. MKL's fp32 products round differently for other
// numbers of rows, so there the promise is a tolerance.
class ClipTextBatch : public testing::TestWithParam<at::ScalarType> {};

TEST_P(ClipTextBatch, ChangesNoBytes) {
  weights::RandomSource source(1, GetParam());
  const ClipText model(weights::Scope(source), small());
  const c10::InferenceMode inference;
  const at::Tensor ids = some_ids(3, 10);
  const at::Tensor together = model(ids);
  for (int64_t i = 0; i < 3; ++i) {
    const at::Tensor alone = model(ids.narrow(0, i, 1));
    if (GetParam() == at::kFloat) {
      EXPECT_LE(relative_error(alone, together.narrow(0, i, 1)), kFp32Tolerance) << i;
    } else {
      EXPECT_TRUE(at::equal(alone, together.narrow(0, i, 1))) << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, ClipTextBatch, kDtypes);

TEST(ClipText, WhatFollowsATokenDoesNotChangeIt) {
  weights::RandomSource source(1);
  const ClipText model(weights::Scope(source), small());
  const c10::InferenceMode inference;
  const at::Tensor ids = some_ids(1, 10);
  at::Tensor other = ids.clone();
  other.narrow(1, 6, 4).fill_(3);
  const double scale = model(ids).abs().max().item<double>();
  const at::Tensor difference = (model(ids) - model(other)).abs();
  EXPECT_LE(difference.narrow(1, 0, 6).max().item<double>(), 1e-6 * scale);
  EXPECT_GT(difference.narrow(1, 6, 4).max().item<double>(), 1e-3 * scale);
}

TEST(ClipText, GradientsReachEveryParameter) {
  TrainedSource source;
  const ClipText model(weights::Scope(source), small());
  model(some_ids(4, 10)).square().narrow(2, 0, 16).mean().backward();
  source.expect_gradients();
}

TEST(ClipText, RefusesTooManyTokens) {
  weights::RandomSource source(1);
  const ClipText model(weights::Scope(source), small());
  try {
    model(some_ids(1, 11));
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_STREQ(error.what(), "clip_text: 11 tokens, the model takes at most 10");
  }
}

TEST(ClipTextConfig, SurvivesTheWayThroughJson) {
  ClipTextConfig c = small();
  for (const int64_t projection : {0, 8}) {
    c.projection_dim = projection;
    const auto read = ClipTextConfig::from_json(json_object(c.to_json()));
    EXPECT_EQ(read.to_json(), c.to_json());
    EXPECT_EQ(read.projection_dim, projection);
    EXPECT_EQ(read.encoder.hidden_act, "gelu");
  }
}

TEST(ClipTextConfig, RefusalsNameTheField) {
  expect_refusals<ClipTextConfig>(small().to_json(), {{{"hidden_size", 30}},
                                                      {{"num_attention_heads", 0}},
                                                      {{"vocab_size", 0}},
                                                      {{"max_position_embeddings", -1}},
                                                      {{"hidden_act", "tanh"}}});
}

}  // namespace
}  // namespace zoetrope::models

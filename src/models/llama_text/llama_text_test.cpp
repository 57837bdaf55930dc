#include "models/llama_text/llama_text.h"

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

class LlamaTextParity : public testing::TestWithParam<Case> {};

TEST_P(LlamaTextParity, EqualsTransformers) {
  const auto& [name, dtype] = GetParam();
  const Fixture fixture("llama_text/" + name);
  auto source = fixture.generated(dtype);
  const auto config = LlamaTextConfig::from_json(fixture.config());
  const LlamaText model(weights::Scope(source), config);
  const auto all_used = source.expect_all_used({"lm_head.weight"});
  EXPECT_TRUE(all_used.ok()) << all_used.message();

  const c10::InferenceMode inference;
  const auto states = model(fixture["token_ids"], fixture["mask"], {0, 1, 2, 3});
  ASSERT_EQ(states.size(), 4);
  EXPECT_TRUE(at::equal(states[0], fixture["hidden.0"].to(dtype)));
  for (size_t i = 1; i < states.size(); ++i) {
    EXPECT_EQ(states[i].scalar_type(), dtype);
    fixture.expect_near(states[i], "hidden." + std::to_string(i));
  }
}

INSTANTIATE_TEST_SUITE_P(All, LlamaTextParity,
                         testing::Combine(testing::Values("llama31", "llama31_old", "plain"),
                                          kDtypes));

nlohmann::json small() {
  return {{"vocab_size", 40},         {"hidden_size", 32},
          {"intermediate_size", 48},  {"num_hidden_layers", 2},
          {"num_attention_heads", 4}, {"num_key_value_heads", 2},
          {"rope_theta", 500.0},      {"max_position_embeddings", 10}};
}

LlamaTextConfig small_config() { return LlamaTextConfig::from_json(json_object(small())); }

at::Tensor some_ids(int64_t prompts, int64_t tokens) {
  return at::arange(prompts * tokens).view({prompts, tokens}).mul(7).remainder(40);
}

TEST(LlamaText, ReturnsTheStatesThatAreWantedInTheirOrder) {
  weights::RandomSource source(1);
  const LlamaText model(weights::Scope(source), small_config());
  const c10::InferenceMode inference;
  const at::Tensor ids = some_ids(2, 7);
  const auto all = model(ids, {}, {0, 1, 2});
  const auto some = model(ids, {}, {1, 0, 1});
  EXPECT_TRUE(at::equal(some[0], all[1]));
  EXPECT_TRUE(at::equal(some[1], all[0]));
  EXPECT_TRUE(at::equal(some[2], all[1]));
  EXPECT_TRUE(model(ids, {}, {}).empty());
}

TEST(LlamaText, WhatThePaddingHoldsDoesNotChangeThePrompt) {
  weights::RandomSource source(1);
  const LlamaText model(weights::Scope(source), small_config());
  const c10::InferenceMode inference;
  const at::Tensor ids = some_ids(2, 8);
  at::Tensor mask = at::ones_like(ids);
  mask[1].narrow(0, 5, 3).fill_(0);
  at::Tensor other = ids.clone();
  other[1].narrow(0, 5, 3).fill_(3);
  const at::Tensor a = model(ids, mask, {2})[0], b = model(other, mask, {2})[0];
  EXPECT_TRUE(at::equal(a[0], b[0]));
  EXPECT_TRUE(at::equal(a[1].narrow(0, 0, 5), b[1].narrow(0, 0, 5)));
  const at::Tensor alone = model(ids.narrow(0, 1, 1).narrow(1, 0, 5), {}, {2})[0];
  EXPECT_LE(relative_error(a.narrow(0, 1, 1).narrow(1, 0, 5), alone), kFp32Tolerance);
}

TEST(LlamaText, RefusalsNameWhatIsWrong) {
  weights::RandomSource source(1);
  const LlamaText model(weights::Scope(source), small_config());
  const at::Tensor ids = some_ids(1, 11);
  const auto message = [&](const at::Tensor& token_ids, const at::Tensor& mask, int64_t state) {
    return refusal([&] { model(token_ids, mask, {state}); });
  };
  EXPECT_EQ(message(ids, {}, 0), "llama_text: 11 tokens, the model takes at most 10");
  EXPECT_EQ(message(ids.narrow(1, 0, 4), {}, 3),
            "llama_text: no hidden state 3; they count from 0 to 2");
  EXPECT_EQ(message(ids.narrow(1, 0, 4), at::ones({1, 5}), 0),
            "llama_text: the mask must have the shape of the token ids");
  EXPECT_EQ(message(ids[0], {}, 0), "llama_text: token ids must be [batch, tokens]");
}

TEST(LlamaTextConfig, RefusalsNameTheField) {
  const nlohmann::json llama3 = {{"rope_type", "llama3"},
                                 {"factor", 8.0},
                                 {"low_freq_factor", 1.0},
                                 {"high_freq_factor", 4.0},
                                 {"original_max_position_embeddings", 32}};
  const auto with = [](nlohmann::json json, const char* key, const nlohmann::json& value) {
    json[key] = value;
    return json;
  };
  nlohmann::json incomplete = llama3;
  incomplete.erase("high_freq_factor");
  const std::tuple<nlohmann::json, const char*> bad[] = {
      {{{"hidden_size", 0}}, "hidden_size"},
      {{{"num_key_value_heads", 3}}, "num_key_value_heads"},
      {{{"num_attention_heads", 0}}, "num_attention_heads"},
      {{{"head_dim", 7}}, "head_dim"},
      {{{"hidden_act", "gelu"}}, "hidden_act"},
      {{{"attention_bias", true}}, "attention_bias"},
      {{{"mlp_bias", true}}, "mlp_bias"},
      {{{"rope_scaling", {{"rope_type", "yarn"}}}}, "rope_scaling.rope_type"},
      {{{"rope_parameters", incomplete}}, "rope_parameters.high_freq_factor"},
      {{{"rope_parameters", with(llama3, "high_freq_factor", 1.0)}}, "high_freq_factor"},
      {{{"rope_parameters", with(llama3, "factor", 0)}}, "factor"}};
  for (const auto& [changes, field] : bad) {
    nlohmann::json json = small();
    json.update(changes);
    const std::string message = refusal([&] { LlamaTextConfig::from_json(json_object(json)); });
    EXPECT_THAT(message, testing::HasSubstr("config.json: "));
    EXPECT_THAT(message, testing::HasSubstr(field));
  }
}

}  // namespace
}  // namespace zoetrope::models

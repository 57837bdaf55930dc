#include "models/t5_text/t5_text.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/status.h"
#include "models/test_support.h"
#include "nn/tap.h"

namespace zoetrope::models {
namespace {

using Case = std::tuple<std::string, at::ScalarType>;

class T5TextParity : public testing::TestWithParam<Case> {};

TEST_P(T5TextParity, EqualsTransformers) {
  const auto& [name, dtype] = GetParam();
  const Fixture fixture("t5/" + name);
  auto source = fixture.generated(dtype);
  const T5Text model(weights::Scope(source), T5TextConfig::from_json(fixture.config()));
  EXPECT_TRUE(source.expect_all_used().ok()) << source.expect_all_used().message();

  const c10::InferenceMode inference;
  at::Tensor block;
  at::Tensor hidden;
  {
    const nn::TapSink sink([&](const std::string& path, const at::Tensor& value) {
      if (path == "encoder.block.0") block = value;
    });
    hidden = model(fixture["token_ids"], fixture["mask"]);
  }
  EXPECT_EQ(hidden.scalar_type(), dtype);
  fixture.expect_near(block, "block_0");
  fixture.expect_near(hidden, "hidden");
  fixture.expect_near(model(fixture["token_ids"]), "unmasked");
}

INSTANTIATE_TEST_SUITE_P(All, T5TextParity,
                         testing::Combine(testing::Values("t5", "umt5"), kDtypes));

T5TextConfig small() {
  T5TextConfig c;
  c.vocab_size = 40;
  c.d_model = 16;
  c.d_kv = 4;
  c.d_ff = 24;
  c.num_layers = 2;
  c.num_heads = 2;
  return c;
}

TEST(T5Text, PaddingChangesNothingBeforeIt) {
  weights::RandomSource source(1);
  const T5Text model(weights::Scope(source), small());
  const c10::InferenceMode inference;
  const at::Tensor ids = at::arange(1, 9).unsqueeze(0);
  const at::Tensor padded = at::cat({ids, at::full({1, 5}, 33, at::kLong)}, 1);
  const at::Tensor mask = at::arange(13).lt(8).unsqueeze(0);
  EXPECT_LE(relative_error(model(padded, mask).narrow(1, 0, 8), model(ids)), kFp32Tolerance);
  EXPECT_GT(relative_error(model(padded).narrow(1, 0, 8), model(ids)), 1e-3);
}

// Of a checkpoint that names the token table in one way, the other or both.
class NamedSource final : public weights::ParameterSource {
 public:
  explicit NamedSource(std::vector<std::string> tables, at::ScalarType dtype = at::kFloat)
      : tables_(std::move(tables)), random_(1, dtype) {}
  at::Tensor take(const std::string& name, at::IntArrayRef shape,
                  const weights::Init& init) override {
    if (!has(name)) throw base::Error(base::not_found(name));
    taken_.insert(name);
    const bool table = name.ends_with("embed_tokens.weight");
    return random_.take(table ? "shared.weight" : name, shape, init);
  }
  bool has(const std::string& name) const override {
    if (name != "shared.weight" && !name.ends_with("embed_tokens.weight")) return true;
    return std::find(tables_.begin(), tables_.end(), name) != tables_.end();
  }
  bool all_tables_taken() const {
    return std::all_of(tables_.begin(), tables_.end(),
                       [this](const std::string& name) { return taken_.contains(name); });
  }

 private:
  std::vector<std::string> tables_;
  std::set<std::string> taken_;
  weights::RandomSource random_;
};

TEST(T5Text, TheTokenTableHasTwoNames) {
  const c10::InferenceMode inference;
  const at::Tensor ids = at::arange(6).unsqueeze(0);
  at::Tensor first;
  const std::string shared = "shared.weight", tied = "encoder.embed_tokens.weight";
  for (const auto& names : {std::vector{shared}, std::vector{tied}, std::vector{shared, tied}}) {
    NamedSource source(names);
    const at::Tensor hidden = T5Text(weights::Scope(source), small())(ids);
    EXPECT_TRUE(source.all_tables_taken());
    if (!first.defined()) first = hidden;
    EXPECT_TRUE(at::equal(hidden, first));
  }
}

TEST(T5Text, RefusesHalfPrecisionAndWrongShapes) {
  weights::RandomSource half(1, at::kHalf);
  EXPECT_THROW(T5Text(weights::Scope(half), small()), base::Error);
  weights::RandomSource source(1);
  const T5Text model(weights::Scope(source), small());
  const at::Tensor ids = at::zeros({2, 5}, at::kLong);
  EXPECT_THROW(model(ids.flatten()), base::Error);
  EXPECT_THROW(model(ids, at::ones({2, 4})), base::Error);
}

TEST(T5TextConfig, RefusalsNameTheField) {
  const nlohmann::json good = {{"model_type", "t5"}, {"feed_forward_proj", "gated-gelu"}};
  EXPECT_EQ(T5TextConfig::from_json(json_object(good)).d_model, 512);
  expect_refusals<T5TextConfig>(good, {{{"model_type", "mt5x"}},
                                       {{"model_type", nullptr}},
                                       {{"feed_forward_proj", "relu"}},
                                       {{"d_model", 0}},
                                       {{"num_heads", -2}},
                                       {{"relative_attention_num_buckets", 30}},
                                       {{"relative_attention_max_distance", 8}}});
}

}  // namespace
}  // namespace zoetrope::models

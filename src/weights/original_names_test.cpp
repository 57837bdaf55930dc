#include "weights/original_names.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/status.h"
#include "weights/tensor_io.h"
#include "weights/test_files.h"

namespace zoetrope::weights {
namespace {

const Init kInit = Init::zeros();

nlohmann::json fixture_of(const std::string& format) {
  return nlohmann::json::parse(read_bytes(fixture("original_names/" + format + ".json")));
}

// Weights of the given shapes, no two elements alike.
ParameterMap weights_of(const nlohmann::json& shapes) {
  ParameterMap weights;
  int64_t first = 0;
  for (const auto& [name, shape] : shapes.items()) {
    const auto sizes = shape.get<std::vector<int64_t>>();
    weights[name] = at::arange(first, first + c10::multiply_integers(sizes), at::kFloat)
                        .view(at::IntArrayRef(sizes));
    first += weights[name].numel();
  }
  EXPECT_LT(first, int64_t{1} << 24);  // what fp32 counts exactly
  return weights;
}

CheckpointSource source_of(const TempFolder& folder, const ParameterMap& weights,
                           const std::string& prefix = {}) {
  ParameterMap named;
  for (const auto& [name, weight] : weights) named[prefix + name] = weight;
  const auto status = save_tensors(folder / "model.safetensors", named);
  EXPECT_TRUE(status.ok()) << status.message();
  return CheckpointSource(Checkpoint::open(folder.path()).value_or_throw());
}

struct Published {
  const char* format;
  const char* prefix;
};

class OriginalNames : public testing::TestWithParam<Published> {};

TEST_P(OriginalNames, GiveWhatDiffusersConverts) {
  const auto [format_name, prefix] = GetParam();
  const nlohmann::json fixture = fixture_of(format_name);
  const ParameterMap original = weights_of(fixture.at("original"));
  const TempFolder folder;
  CheckpointSource source = source_of(folder, original, prefix);
  const OriginalFormat* format = original_format(source.checkpoint());
  ASSERT_NE(format, nullptr);
  OriginalSource translated(source, *format);

  for (const auto& [name, weight] : fixture.at("converted").items()) {
    std::vector<at::Tensor> runs;
    for (const auto& run : weight.at("rows")) {
      runs.push_back(original.at(run.at(0)).narrow(0, run.at(1), run.at(2)));
    }
    const auto shape = weight.at("shape").get<std::vector<int64_t>>();
    EXPECT_TRUE(translated.has(name)) << name;
    EXPECT_TRUE(at::equal(translated.take(name, shape, kInit), at::cat(runs))) << name;
  }
  EXPECT_TRUE(source.expect_all_used().ok()) << source.expect_all_used().message();
}

INSTANTIATE_TEST_SUITE_P(All, OriginalNames,
                         testing::Values(Published{"flux", ""}, Published{"wan", ""},
                                         Published{"flux", "model.diffusion_model."}));

TEST(OriginalFormat, DiffusersNamesAreNone) {
  const TempFolder folder;
  const CheckpointSource source =
      source_of(folder, {{"transformer_blocks.0.attn.to_q.weight", at::zeros({2, 2})},
                         {"blocks.0.attn1.to_q.weight", at::zeros({2, 2})}});
  EXPECT_EQ(original_format(source.checkpoint()), nullptr);
}

TEST(OriginalSource, RefusalsNameTheWeightInTheFile) {
  const TempFolder folder;
  CheckpointSource source =
      source_of(folder, {{"double_blocks.0.img_attn.qkv.weight", at::zeros({6, 3})},
                         {"final_layer.adaLN_modulation.1.bias", at::zeros({4})}});
  OriginalSource translated(source, *original_format(source.checkpoint()));
  const auto refusal = [&](const std::string& name, const std::vector<int64_t>& shape) {
    try {
      translated.take(name, shape, kInit);
    } catch (const base::Error& error) {
      return std::string(error.what());
    }
    return std::string("nothing was refused");
  };
  EXPECT_FALSE(translated.has("transformer_blocks.1.attn.to_q.weight"));
  EXPECT_THAT(refusal("transformer_blocks.1.attn.to_q.weight", {2, 3}),
              testing::HasSubstr("no weight 'double_blocks.1.img_attn.qkv.weight'"));
  EXPECT_THAT(refusal("transformer_blocks.0.attn.to_v.weight", {3, 3}),
              testing::HasSubstr("'double_blocks.0.img_attn.qkv.weight' has shape [6, 3] where the "
                                 "model needs [3, 3] from row 6"));
  EXPECT_THAT(refusal("transformer_blocks.0.attn.to_q.weight", {2, 4}),
              testing::HasSubstr("has shape [6, 3] where the model needs [2, 4] from row 0"));
  EXPECT_THAT(refusal("transformer_blocks.0.attn.to_q.weight", {2}),
              testing::HasSubstr("has shape [6, 3] where the model needs [2] from row 0"));
  EXPECT_THAT(refusal("transformer_blocks.0.attn.to_q.weight", {}),
              testing::HasSubstr("has shape [6, 3] where the model needs []"));
  EXPECT_THAT(refusal("norm_out.linear.bias", {6}),
              testing::HasSubstr("has shape [4] where the model needs [6]"));
}

}  // namespace
}  // namespace zoetrope::weights

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <string>
#include <tuple>

#include "models/animate_unet/network.h"
#include "models/test_support.h"

namespace zoetrope::models {
namespace {

struct Reference {
  const char* folder;
  const char* inputs;  // which case of the folder
  const char* model = "";
};

using Case = std::tuple<Reference, at::ScalarType>;

class AnimateUnetParity : public testing::TestWithParam<Case> {};

TEST_P(AnimateUnetParity, EqualsTheOracle) {
  const auto& [reference, dtype] = GetParam();
  const Fixture fixture(std::string("animate_unet/") + reference.folder, reference.model);
  const auto build = [&](auto source) {
    AnimateUnet unet(AnimateUnetConfig::from_json(fixture.config()), weights::Scope(source));
    EXPECT_TRUE(source.expect_all_used().ok()) << source.expect_all_used().message();
    return unet;
  };
  const bool shipped = *reference.model != '\0';
  const AnimateUnet unet = shipped ? build(fixture.source(dtype)) : build(fixture.generated(dtype));

  const c10::InferenceMode inference;
  const std::string prefix = std::string(reference.inputs) + ".";
  const auto input = [&](const char* name) { return fixture[prefix + name].to(dtype); };
  const auto conditioning = unet.condition(
      {.text = input("text"),
       .image_latents = input("image_latents"),
       .image_embeddings = input("image_embeddings"),
       .fps = fixture[prefix + "fps"],
       .guidance = unet.config().guidance_embeds ? fixture[prefix + "guidance"] : at::Tensor()});
  const at::Tensor prediction =
      unet.forward(input("sample"), fixture[prefix + "timestep"], conditioning);
  EXPECT_EQ(prediction.scalar_type(), dtype);
  fixture.expect_near(prediction, prefix + "prediction");
}

std::string case_name(const testing::TestParamInfo<Case>& info) {
  const auto& [reference, dtype] = info.param;
  return std::string(reference.folder) + "_" + reference.inputs + "_" + c10::toString(dtype);
}

const auto kReferences = testing::Values(
    Reference{"shallow", "still"}, Reference{"shallow", "clip"}, Reference{"deep", "clip"},
    Reference{"bundled", "still"}, Reference{"bundled", "clip"}, Reference{"distilled", "still"},
    Reference{"distilled", "clip"}, Reference{"shipped", "clip", "models/animate/unet"},
    Reference{"shipped_student", "clip", "models/animate/student"});

INSTANTIATE_TEST_SUITE_P(All, AnimateUnetParity, testing::Combine(kReferences, kDtypes), case_name);

}  // namespace
}  // namespace zoetrope::models

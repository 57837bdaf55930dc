#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <tuple>
#include <vector>

#include "base/status.h"
#include "models/denoiser.h"
#include "models/hidream/network.h"
#include "models/test_support.h"

namespace zoetrope::models {
namespace {

const Fixture& fixture() {
  static const Fixture kFixture("hidream/tiny");
  return kFixture;
}

// The fixture's config.json, to be changed.
nlohmann::json tiny_config() {
  return nlohmann::json::parse(
      std::ifstream(ZOETROPE_SOURCE_DIR "/tests/fixtures/models/hidream/tiny/config.json"));
}

// One of the fixture's requests.
struct Request {
  Request(const std::string& name, at::ScalarType dtype)
      : sample(fixture()[name + ".sample"].to(dtype)),
        timestep(fixture()[name + ".timestep"]),
        inputs{.text = fixture()[name + ".text"].to(dtype),
               .llama = fixture()[name + ".llama"].to(dtype),
               .pooled_text = fixture()[name + ".pooled_text"].to(dtype)} {}

  at::Tensor flow(const HiDream& network, nn::BlockStack* stack = nullptr) const {
    const auto conditioning = network.condition(inputs, sample.size(1), sample.size(2));
    return network.forward(sample, timestep, conditioning, stack);
  }

  at::Tensor sample, timestep;
  HiDream::Inputs inputs;
};

HiDream network_of(GeneratedSource& source) {
  return {HiDreamConfig::from_json(fixture().config()), weights::Scope(source)};
}

using Case = std::tuple<std::string, at::ScalarType>;

class HiDreamParity : public testing::TestWithParam<Case> {};

TEST_P(HiDreamParity, EqualsDiffusers) {
  const auto& [name, dtype] = GetParam();
  auto source = fixture().generated(dtype);
  const HiDream network = network_of(source);
  EXPECT_TRUE(source.expect_all_used().ok()) << source.expect_all_used().message();

  const c10::InferenceMode inference;
  const at::Tensor flow = Request(name, dtype).flow(network);
  EXPECT_EQ(flow.scalar_type(), dtype);
  fixture().expect_near(flow, name + ".flow");
}

INSTANTIATE_TEST_SUITE_P(All, HiDreamParity,
                         testing::Combine(testing::Values("square", "padded", "wide", "full"),
                                          kDtypes));

TEST(HiDream, ARequestIsTheSameAloneAndAmongOthers) {
  auto source = fixture().generated(at::kFloat);
  const HiDream network = network_of(source);
  const c10::InferenceMode inference;
  const Request together("padded", at::kFloat);
  const at::Tensor flow = together.flow(network);
  for (int64_t i = 0; i < flow.size(0); ++i) {
    Request alone = together;
    for (at::Tensor* t : {&alone.sample, &alone.timestep, &alone.inputs.text, &alone.inputs.llama,
                          &alone.inputs.pooled_text}) {
      *t = t->narrow(0, i, 1);
    }
    EXPECT_LE(relative_error(alone.flow(network), flow.narrow(0, i, 1)), kFp32Tolerance) << i;
  }
}

// The padding's keys are zero, not hidden: a picture that is not square depends on how much of it
// there is, which max_resolution says.
TEST(HiDream, PaddingCounts) {
  auto source = fixture().generated(at::kFloat);
  const HiDream network = network_of(source);
  nlohmann::json larger = tiny_config();
  larger["max_resolution"] = {16, 16};
  const HiDream more(HiDreamConfig::from_json(json_object(larger)), weights::Scope(source));
  const c10::InferenceMode inference;
  const Request padded("padded", at::kFloat), square("square", at::kFloat);
  EXPECT_GT(relative_error(padded.flow(more), padded.flow(network)), 1e-3);
  EXPECT_TRUE(at::equal(square.flow(more), square.flow(network)));
}

TEST(HiDream, GradientsReachEveryParameter) {
  TrainedSource source;
  const HiDream network(HiDreamConfig::from_json(fixture().config()), weights::Scope(source));
  Request("padded", at::kFloat).flow(network).square().mean().backward();
  source.expect_gradients();
}

class Recorder final : public nn::BlockStack {
 public:
  at::Tensor run(int64_t index, const at::Tensor& x, const Block& block) override {
    indices.push_back(index);
    const at::Tensor y = block(x);
    EXPECT_EQ(y.sizes(), x.sizes());
    EXPECT_EQ(y.scalar_type(), x.scalar_type());
    return y;
  }
  std::vector<int64_t> indices;
};

TEST(HiDream, RunsItsBlocksThroughTheStack) {
  auto source = fixture().generated(at::kBFloat16);
  const HiDream network = network_of(source);
  const c10::InferenceMode inference;
  Recorder stack;
  const Request request("square", at::kBFloat16);
  EXPECT_TRUE(at::equal(request.flow(network, &stack), request.flow(network)));
  EXPECT_THAT(stack.indices, testing::ElementsAre(0, 1, 2, 3));
}

TEST(HiDreamDenoiser, IsTheNetworkOnClipsOfOneFrame) {
  auto source = fixture().generated(at::kFloat);
  const HiDream network = network_of(source);
  const auto denoiser = make_denoiser(fixture().config(), weights::Scope(source));
  const c10::InferenceMode inference;
  const Request request("padded", at::kFloat);
  const weights::ParameterMap inputs = {{"text", request.inputs.text},
                                        {"llama", request.inputs.llama},
                                        {"pooled_text", request.inputs.pooled_text}};
  const auto conditioning =
      denoiser->condition(inputs, {.frames = 1, .height = 6, .width = 8, .channels = 3});
  for (const at::Tensor& rows : conditioning.rows) EXPECT_EQ(rows.size(0), 3);
  const at::Tensor flow =
      denoiser->forward(request.sample.unsqueeze(1), request.timestep, conditioning);
  EXPECT_TRUE(at::equal(flow, request.flow(network).unsqueeze(1)));
}

TEST(HiDreamDenoiser, RefusalsNameTheInput) {
  auto source = fixture().generated(at::kFloat);
  const auto denoiser = make_denoiser(fixture().config(), weights::Scope(source));
  const Request request("square", at::kFloat);
  const weights::ParameterMap good = {{"text", request.inputs.text},
                                      {"llama", request.inputs.llama},
                                      {"pooled_text", request.inputs.pooled_text}};
  const auto with = [&](const char* name, const at::Tensor& value) {
    weights::ParameterMap inputs = good;
    inputs[name] = value;
    return refusal([&] { denoiser->condition(inputs, {1, 8, 8, 3}); });
  };
  EXPECT_EQ(with("text", {}), "hidream: text must be [-1, -1, 12] (-1: any size), is missing");
  EXPECT_EQ(with("llama", good.at("llama").narrow(0, 0, 1)),
            "hidream: llama must be [2, -1, -1, 10] (-1: any size), is [1, 3, 5, 10]");
  EXPECT_EQ(with("llama", good.at("llama").narrow(1, 0, 2)),
            "hidream: llama holds 2 layers, llama_layers of config.json names layer 2 (from 0)");
  EXPECT_EQ(with("pooled_text", at::zeros({2, 13})),
            "hidream: pooled_text must be [2, 14] (-1: any size), is [2, 13]");

  const auto sized = [&](int64_t frames, int64_t height, int64_t width) {
    return refusal([&] { denoiser->condition(good, {frames, height, width, 3}); });
  };
  EXPECT_EQ(sized(2, 8, 8), "hidream: makes pictures, of one frame");
  EXPECT_EQ(sized(1, 7, 8), "hidream: latents of 7 x 8 are not made of patches of 2 x 2");
  EXPECT_EQ(sized(1, 20, 8),
            "hidream: latents of 20 x 8 have 40 tokens, the model takes at most 36 "
            "(max_resolution)");

  const auto conditioning = denoiser->condition(good, {1, 8, 8, 3});
  const auto forwarded = [&](at::IntArrayRef shape) {
    return refusal([&] { denoiser->forward(at::zeros(shape), at::zeros({2}), conditioning); });
  };
  EXPECT_EQ(forwarded({2, 1, 6, 8, 3}),
            "hidream: the conditioning was made for latents of another size");
  EXPECT_EQ(forwarded({2, 1, 8, 8, 4}), "hidream: the sample must be [b, h, w, in_channels]");
  EXPECT_EQ(forwarded({2, 8, 8, 3}), "hidream: the sample must be [b, 1, h, w, c]");
}

TEST(HiDreamConfig, RefusalsNameTheField) {
  expect_refusals<HiDreamConfig>(tiny_config(), {{{"axes_dims_rope", {8, 8}}},
                                                 {{"axes_dims_rope", {9, 4, 3}}},
                                                 {{"axes_dims_rope", {4, 2, 2}}},
                                                 {{"caption_channels", {12}}},
                                                 {{"llama_layers", {0, 1, 2}}},
                                                 {{"llama_layers", {0, 1, 2, -1}}},
                                                 {{"llama_layers", nullptr}},
                                                 {{"max_resolution", {12, 0}}},
                                                 {{"num_activated_experts", 5}},
                                                 {{"num_routed_experts", 0}},
                                                 {{"num_layers", -1}},
                                                 {{"attention_head_dim", 0}},
                                                 {{"patch_size", 0}}});
}

}  // namespace
}  // namespace zoetrope::models
